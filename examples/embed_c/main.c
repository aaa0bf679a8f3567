/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a handwritten digit with a model in flash, in memory that is known at compile time. */
#include "image.h"
#include "liteinterp.h"
#include "model.h"

#include <stdio.h>
#include <string.h>

static _Alignas(16) unsigned char arena[MODEL_ARENA_BYTES], state[MODEL_STATE_BYTES];

int main(void)
{
    const li_options options = {.struct_bytes = sizeof options, .flags = LI_NO_PACK, .isa = LI_ISA_REF};
    const li_memory memory = {.arena = arena, .arena_bytes = sizeof arena, .state = state, .state_bytes = sizeof state};
    li_net *net;
    li_fault fault;
    if (li_open(&net, model, sizeof model, &memory, &options, &fault) != LI_OK)
        return printf("%s, operator %d\n", li_rule_text(fault.rule), (int)fault.operation), 1;
    memcpy(li_tensor_data(li_input(net, 0)), image, sizeof image);
    if (li_run(net) != LI_OK)
        return printf("%s\n", li_strerror(LI_BAD_INPUT)), 1;
    const float *probability = li_tensor_data(li_output(net, 0));
    for (int digit = 0; digit < 10; digit++)
        printf("%d %5.1f %%%s\n", digit, 100 * (double)probability[digit], probability[digit] > 0.5f ? "  <-" : "");
    return 0;
}
