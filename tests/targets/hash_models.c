/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs models on inputs that are the same on every machine and prints, one line each,
 *
 *     NAME RUNS HASH-OF-OUTPUTS HASH-OF-EVERY-OPERATOR'S-RESULTS ARENA STATE
 *
 * with the bytes of arena and state, or `NAME RUNS failed STATUS RULE OPERATOR`; at the end `kernels NAME`. Kernels with
 * scratch or packed weights take them from the same memory. No C library: it runs on bare metal as on a workstation.
 *
 * Inputs: x = 1 at the start of a model, and for every element of every input of every run
 *     x ^= x << 13; x ^= x >> 17; x ^= x << 5                    (32 bits)
 *     int8, uint8:  the highest 8 bits of x        float32:  (x >> 8) / 2^23 - 1        bool:  the highest bit
 *     float16, int16 with a scale:  the highest 16 bits
 *     other int16, int32, int64:  the highest 2 bits, so that an index often is in range.
 * Hash: 64-bit FNV-1a over the bytes; a float that is no number counts as 0x7fc00000, since which one it is differs between
 * processors. A run that ends with an error counts with its status.
 */
#include "platform.h"

#include "liteinterp.h"

typedef struct result {
    uint64_t outputs, operators;
    li_need need;
    const char *kernels;
} result;

typedef struct region {
    unsigned char *next;
    size_t left;
} region;

/* ---- inputs and hashes ---- */

static uint32_t next_word(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static int fill_input(li_tensor *input, uint32_t *x)
{
    void *data = li_tensor_data(input);
    const size_t bytes = li_tensor_bytes(input);
    const int shift = li_tensor_scales(input, NULL, 0) != 0 ? 16 : 30;
    size_t i;
    switch (li_tensor_type(input)) {
    case LI_INT8:
    case LI_UINT8:
        for (i = 0; i < bytes; i++) ((uint8_t *)data)[i] = (uint8_t)(next_word(x) >> 24);
        return 1;
    case LI_BOOL:
        for (i = 0; i < bytes; i++) ((uint8_t *)data)[i] = (uint8_t)(next_word(x) >> 31);
        return 1;
    case LI_FLOAT32:
        for (i = 0; i < bytes / 4; i++) ((float *)data)[i] = (float)(int32_t)(next_word(x) >> 8) * 0x1p-23f - 1.0f;
        return 1;
    case LI_FLOAT16:
        for (i = 0; i < bytes / 2; i++) ((uint16_t *)data)[i] = (uint16_t)(next_word(x) >> 16);
        return 1;
    case LI_INT16:
        for (i = 0; i < bytes / 2; i++) ((uint16_t *)data)[i] = (uint16_t)(next_word(x) >> shift);
        return 1;
    case LI_INT32:
        for (i = 0; i < bytes / 4; i++) ((int32_t *)data)[i] = (int32_t)(next_word(x) >> 30);
        return 1;
    case LI_INT64:
        for (i = 0; i < bytes / 8; i++) ((int64_t *)data)[i] = (int64_t)(next_word(x) >> 30);
        return 1;
    default:
        return bytes == 0;
    }
}

static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static uint64_t hash_tensor(uint64_t hash, const li_tensor *tensor)
{
    const uint8_t *data = li_tensor_data(tensor);
    const size_t bytes = data == NULL ? 0 : li_tensor_bytes(tensor);
    size_t i;
    if (li_tensor_type(tensor) != LI_FLOAT32) {
        for (i = 0; i < bytes; i++) hash = hash_byte(hash, data[i]);
        return hash;
    }
    for (i = 0; i + 4 <= bytes; i += 4) {
        uint32_t word = data[i] | ((uint32_t)data[i + 1] << 8) | ((uint32_t)data[i + 2] << 16) | ((uint32_t)data[i + 3] << 24);
        if ((word & 0x7fffffffu) > 0x7f800000u) word = 0x7fc00000u;
        for (int shift = 0; shift < 32; shift += 8) hash = hash_byte(hash, (uint8_t)(word >> shift));
    }
    return hash;
}

static uint64_t hash_start(void)
{
    return UINT64_C(0xcbf29ce484222325);
}

static int32_t hash_operator(void *context, li_net *net, int32_t operation, int32_t when)
{
    uint64_t *hash = context;
    int32_t made[16], i;
    const int32_t count = li_operator_outputs(net, operation, made, 16);
    if (when != 1) return 0;
    for (i = 0; i < count && i < 16; i++)
        if (made[i] >= 0) *hash = hash_tensor(*hash, li_tensor_at(net, made[i]));
    return 0;
}

/* ---- one model ---- */

static void *take(region *from, size_t bytes)
{
    const size_t rounded = (bytes + 15) & ~(size_t)15;
    unsigned char *part = from->next;
    if (rounded > from->left) return NULL;
    from->next += rounded;
    from->left -= rounded;
    return part;
}

static li_status too_little(li_fault *fault, size_t needed, size_t had)
{
    const li_fault none = {LI_NO_MEMORY, 0, -1, -1, -1, (int64_t)needed, (int64_t)had};
    *fault = none;
    return LI_NO_MEMORY;
}

static li_status hash_model(const unsigned char *model, size_t size, uint32_t runs, int32_t isa, region memory, result *found,
                            li_fault *fault)
{
    const li_options options = {.struct_bytes = sizeof options, .flags = LI_EXACT, .isa = isa};
    li_memory parts = {0};
    li_info info;
    li_net *net = NULL;
    li_status status = li_check(model, size, &info, fault);
    uint32_t run, x = 1;
    int32_t i;

    if (status != LI_OK) return status;
    if (info.work_bytes > memory.left) return too_little(fault, info.work_bytes, memory.left);
    status = li_plan(model, size, &options, memory.next, info.work_bytes, &found->need, fault);   /* its work ends before */
    if (status != LI_OK) return status;                                                           /* the parts begin */
    parts.arena = take(&memory, parts.arena_bytes = found->need.arena);
    parts.scratch = take(&memory, parts.scratch_bytes = found->need.scratch);
    parts.state = take(&memory, parts.state_bytes = found->need.state);
    parts.packed = take(&memory, parts.packed_bytes = found->need.packed);
    if (parts.arena == NULL || parts.scratch == NULL || parts.state == NULL || parts.packed == NULL)
        return too_little(fault, found->need.arena + found->need.scratch + found->need.state + found->need.packed, memory.left);
    status = li_open(&net, model, size, &parts, &options, fault);
    if (status != LI_OK) return status;

    found->kernels = li_kernels_name(net);
    found->outputs = found->operators = hash_start();
    li_hook(net, hash_operator, &found->operators);
    for (run = 0; run < runs; run++) {
        for (i = 0; i < li_inputs(net); i++)
            if (!fill_input(li_input(net, i), &x)) return LI_UNSUPPORTED;
        status = li_run(net);
        if (status != LI_OK) {
            found->outputs = hash_byte(found->outputs, (uint8_t)status);
            continue;
        }
        for (i = 0; i < li_outputs(net); i++) found->outputs = hash_tensor(found->outputs, li_output(net, i));
    }
    return LI_OK;
}

/* ---- text ---- */

static void write_number(int64_t value)
{
    char text[24];
    size_t at = sizeof text - 1;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    text[at] = 0;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (value < 0) text[--at] = '-';
    platform_write(" ");
    platform_write(text + at);
}

static void write_hash(uint64_t hash)
{
    char text[18] = " ";
    for (int i = 0; i < 16; i++) text[1 + i] = "0123456789abcdef"[(hash >> (60 - 4 * i)) & 15];
    text[17] = 0;
    platform_write(text);
}

static void write_kernels(const char *name)
{
    platform_write("kernels ");
    platform_write(name);
    platform_write("\n");
}

static const char *file_name(const char *path)
{
    const char *name = path;
    for (; *path != 0; path++)
        if (*path == '/') name = path + 1;
    return name;
}

/* `kernels` becomes the name of the kernel set; returns 1 when the model failed. */
static int report(const char *path, const unsigned char *model, size_t size, uint32_t runs, int32_t isa, region memory,
                  const char **kernels)
{
    result found = {0};
    li_fault fault = {0};
    const li_status status = hash_model(model, size, runs, isa, memory, &found, &fault);
    platform_write(file_name(path));
    write_number(runs);
    if (status != LI_OK) {
        platform_write(" failed");
        write_number(status);
        write_number(fault.rule);
        write_number(fault.operation);
    } else {
        write_hash(found.outputs);
        write_hash(found.operators);
        write_number((int64_t)found.need.arena);
        write_number((int64_t)found.need.state);
    }
    platform_write("\n");
    if (found.kernels != NULL) *kernels = found.kernels;
    return status != LI_OK;
}

int hash_embedded(const char *name, const unsigned char *model, size_t size, uint32_t runs, unsigned char *memory, size_t bytes)
{
    const region whole = {memory, bytes};
    const char *kernels = "none";
    const int failed = report(name, model, size, runs, LI_ISA_BEST, whole, &kernels);
    write_kernels(kernels);
    return failed;
}

/* Each line of the list: how often to run, a space, the model's path. */
int hash_models(const char *list, int32_t isa, unsigned char *memory, size_t bytes)
{
    region whole = {memory, bytes};
    const size_t length = platform_read(list, memory, bytes);
    const char *kernels = "none";
    char *line, *end;
    int failures = 0;
    if (length == PLATFORM_NO_FILE || length >= bytes) {
        platform_write("the list of models cannot be read\n");
        return 1;
    }
    line = take(&whole, length + 1);
    if (line == NULL) return 1;
    for (end = line + length; line < end;) {
        uint32_t runs = 0;
        char *path;
        size_t size;
        region rest;
        for (; *line >= '0' && *line <= '9'; line++) runs = runs * 10 + (uint32_t)(*line - '0');
        path = ++line;
        while (line < end && *line != '\n') line++;
        *line++ = 0;
        size = platform_read(path, whole.next, whole.left);
        rest = whole;
        if (size == PLATFORM_NO_FILE || take(&rest, size) == NULL) {
            platform_write(path);
            platform_write(" cannot be read\n");
            failures++;
            continue;
        }
        failures += report(path, whole.next, size, runs, isa, rest, &kernels);
    }
    write_kernels(kernels);
    return failures;
}
