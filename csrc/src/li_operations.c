/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operators, from schema/ops.toml. A build drops an operator with -DLI_WITHOUT_<NAME>, e.g.
 * -DLI_WITHOUT_TRANSPOSE; models that need it then get LI_UNSUPPORTED. The linker drops its code with it.
 */
#include "li_internal.h"

/* LI_IS_SET(LI_WITHOUT_ADD) is 1 where the macro is defined as 1, and 0 where it is not defined: the mark of 1 is the only
   one that brings a second argument. */
#define LI_SECOND(a, b, ...) b
#define LI_IS_SET_(x) LI_SECOND(x, 0, 0)
#define LI_SET_MARK_1 ~, 1
#define LI_JOIN_(a, b) a##b
#define LI_JOIN(a, b) LI_JOIN_(a, b)
#define LI_IS_SET(x) LI_IS_SET_(LI_JOIN(LI_SET_MARK_, x))

#define LI_DECLARE_0(lower) \
    li_status li_##lower##_plan(li_net *net, li_node *node); \
    void li_##lower##_prepare(li_net *net, const li_node *node); \
    li_status li_##lower##_run(li_net *net, const li_node *node);
#define LI_DECLARE_1(lower)

#define LI_ROW_0(lower, ...) { li_##lower##_plan, li_##lower##_prepare, li_##lower##_run, __VA_ARGS__ },
#define LI_ROW_1(lower, ...)

#define LI_OPERATION(NAME, lower, builtin, options_tag, max_version, min_in, max_in, min_out, max_out, optional_mask, \
                     constant_mask, in_place_mask, alias, shrink, variadic, first_type_row, type_row_count, as_int8) \
    LI_JOIN(LI_DECLARE_, LI_IS_SET(LI_WITHOUT_##NAME))(lower)
#include "../gen/li_operations.inc"

const li_operation li_operation_rows[] = {
#define LI_OPERATION(NAME, lower, builtin, options_tag, max_version, min_in, max_in, min_out, max_out, optional_mask, \
                     constant_mask, in_place_mask, alias, shrink, variadic, first_type_row, type_row_count, as_int8) \
    LI_JOIN(LI_ROW_, LI_IS_SET(LI_WITHOUT_##NAME))(lower, builtin, options_tag, max_version, min_in, max_in, min_out, \
        max_out, optional_mask, constant_mask, in_place_mask, alias, shrink, variadic, first_type_row, type_row_count, as_int8)
#include "../gen/li_operations.inc"
};

_Static_assert(sizeof li_operation_rows / sizeof *li_operation_rows <= UINT8_MAX, "a node names its row in a byte");
const uint16_t li_operation_count = sizeof li_operation_rows / sizeof *li_operation_rows;

const li_type_row li_type_rows[] = {
#define LI_TYPE_ROW(in0, in1, in2, in3, out0, out1) { { in0, in1, in2, in3 }, { out0, out1 } },
#include "../gen/li_operations.inc"
};
