/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liteinterp: runs a quantized or float .tflite model in memory that the caller provides.
 *
 * This header is the manual. In calling order:
 *
 *     li_info info;  li_need need;  li_net *net;
 *     li_check(model, size, &info, &fault);                          is the file well formed? how much memory to plan?
 *     li_plan(model, size, &options, work, info.work_bytes, &need, &fault);   how many bytes of each part?
 *     li_open(&net, model, size, &memory, &options, &fault);         once; does check and plan again by itself
 *     memcpy(li_tensor_data(li_input(net, 0)), ...);
 *     li_run(net);                                                   as often as wanted
 *     use(li_tensor_data(li_output(net, 0)));
 *
 * There is nothing to close: the library allocates nothing, keeps no globals and holds no resource. A net ends when
 * the caller takes its memory back. Several nets may run on several threads; one net is used by one thread at a time.
 *
 * A model may hold packed weights for some kernel sets. Where they fit, need.packed is 0 and they are read in place; li_open
 * compares hashes and answers LI_STALE_PACKED where plain weights or packed ones have changed. Plan and open with
 * LI_IGNORE_PACKED then.
 *
 * Ownership. The model's bytes, the four memory parts and everything a pointer in li_options names belong to the
 * caller, stay where they are and do not change while a net is open. Memory parts are aligned to 16 bytes, the
 * model to 4.
 *
 * Safety. Any bytes may be passed as a model: the answer is an error or a net that stays inside the declared memory.
 * A failing call writes nothing but the memory parts and its results, which become 0 or NULL, and fills li_fault with
 * numbers that locate the cause. A net whose state part is opened again is gone, even when that fails.
 */
#ifndef LITEINTERP_H
#define LITEINTERP_H

#include <stddef.h>
#include <stdint.h>

#define LI_VERSION_MAJOR 0
#define LI_VERSION_MINOR 1
#define LI_VERSION_PATCH 0

#if defined(_WIN32)
#define LI_API __declspec(dllexport)
#elif defined(__GNUC__)
#define LI_API __attribute__((visibility("default")))
#else
#define LI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* cffi-begin: schema/generate.py copies the declarations up to cffi-end into the Python binding. */

typedef struct li_net li_net;       /* an open model; lives at the start of the caller's state memory */
typedef struct li_tensor li_tensor; /* a tensor of an open net; valid as long as the net */

typedef int32_t li_status;
enum {
    LI_OK = 0,
    LI_BAD_ARGUMENT = -1,    /* a null pointer, an index out of range, options of another version */
    LI_BAD_FILE = -2,        /* the bytes are no well-formed .tflite file */
    LI_BAD_MODEL = -3,       /* well formed, but an operator, shape, type or quantization contradicts itself */
    LI_UNSUPPORTED = -4,     /* sound, but this build lacks the operator, its version, a type or a feature */
    LI_NO_MEMORY = -5,       /* a memory part is smaller than needed: fault.needed and fault.had */
    LI_MISALIGNED = -6,      /* the model is not aligned to 4 bytes, or a memory part not to 16 */
    LI_BAD_INPUT = -7,       /* an index, divisor or the like found in a tensor's data at run time is out of range */
    LI_CANCELLED = -8,       /* a hook answered other than 0 */
    LI_STALE_PACKED = -9     /* packed weights, of LI_PACKED_READY or in the file, were made from others; LI_IGNORE_PACKED helps */
};

/* Where and what: numbers only, so that a device needs no strings. -1 means "does not apply". */
typedef struct li_fault {
    li_status status;
    int32_t rule;        /* which check failed: enum li_rule of csrc/src/li_rules.h, listed in docs/SECURITY.md */
    int32_t operation;   /* index of the operator in the file */
    int32_t builtin;     /* its BuiltinOperator code */
    int32_t tensor;      /* index of the tensor */
    int64_t needed;      /* what would have been right, where that is a number */
    int64_t had;         /* what was found */
} li_fault;

/* Element types, by the numbers of the file format. */
typedef int32_t li_type;
enum {
    LI_FLOAT32 = 0, LI_FLOAT16 = 1, LI_INT32 = 2, LI_UINT8 = 3, LI_INT64 = 4, LI_BOOL = 6, LI_INT16 = 7, LI_INT8 = 9,
    LI_INT4 = 17
};

/* Kernel sets. Every set gives the same bytes; asking for one that the machine lacks is LI_UNSUPPORTED. */
enum {
    LI_ISA_BEST = 0, LI_ISA_REF = 1, LI_ISA_AVX2 = 2, LI_ISA_NEON = 3, LI_ISA_DOTPROD = 4, LI_ISA_AVX512_VNNI = 5, LI_ISA_AVX_VNNI = 6,
    LI_ISA_SSE41 = 7
};

/* li_options.flags */
enum {
    LI_KEEP_TENSORS = 1,   /* every tensor keeps bytes of its own and stays readable after the run */
    LI_KEEP_INPUTS = 2,    /* inputs survive the run; otherwise their bytes may be reused */
    LI_EXACT = 4,          /* float operators in the definition's order: the same bits on every machine */
    LI_IGNORE_PLAN = 8,    /* place tensors anew, even where the file holds a valid plan */
    LI_NO_PACK = 16,       /* use weights in place: no packed bytes, slower kernels */
    LI_PACKED_READY = 32,  /* the packed part was filled by an earlier open of the same model, options and kernels */
    LI_PLAN_ONLY = 64,     /* li_plan alone: isa may be any set that this build has sizes of; li_open refuses the flag */
    LI_IGNORE_PACKED = 128 /* pack weights anew, even where the file holds packed ones */
};

/* Run fn(context, i) for i in 0..count-1, in any order, on any threads; return when all are done. */
typedef void (*li_task_fn)(void *context, int32_t i);
typedef void (*li_parallel_fn)(void *pool, li_task_fn fn, void *context, int32_t count);

/* Dimensions that replace the file's for one input; rank must equal the file's. */
typedef struct li_input_dims {
    int32_t input;           /* 0 .. inputs-1 */
    int32_t rank;
    int32_t dims[6];
} li_input_dims;

/* All zero but struct_bytes is the default. */
typedef struct li_options {
    uint32_t struct_bytes;           /* sizeof(li_options) */
    uint32_t flags;
    int32_t isa;                     /* LI_ISA_... */
    int32_t threads;                 /* 0 or 1: the calling thread alone */
    li_parallel_fn parallel;         /* needed for threads > 1 */
    void *pool;                      /* first argument of parallel */
    const li_input_dims *input_dims; /* input_dims_count entries, read during the call only */
    int32_t input_dims_count;
    uint32_t packed_limit;           /* bytes that li_need.packed may reach, 0: no limit. Layers are served in the file's order: one
                                        whose rearranged weights would exceed it takes a smaller form, or its weights in place */
} li_options;

/* What li_check found. */
typedef struct li_info {
    int32_t subgraphs, tensors, operations, inputs, outputs;   /* tensors.. are of subgraph 0, the one that runs */
    size_t work_bytes;       /* enough working memory for li_plan with any options and input dims */
} li_info;

/* Exact bytes of the four parts; li_open accepts these and refuses one byte less. Parts of 0 bytes may be NULL. */
typedef struct li_need {
    size_t arena;        /* tensors; may be shared by nets that run in turn */
    size_t scratch;      /* working memory of kernels, all threads together, of hybrid layers, uint8 and int4 constants; may be shared likewise */
    size_t state;        /* bookkeeping, multipliers, tables, variables: the net's own */
    size_t packed;       /* rearranged weights, constants that are computed at open; read-only after li_open */
    size_t arena_lower_bound;   /* max over operators of the bytes alive: no plan without rewriting can do better */
    int32_t plan_from_file;     /* 1 when the file's own memory plan was taken */
    int32_t packed_from_file;   /* 1 when the file holds packed weights for these kernels: used in place, packed is 0 */
    int32_t packed_ignored;     /* 0, or the rule (li_fault.rule) by which packed weights in the file are left alone */
} li_need;

typedef struct li_memory {
    void *arena;
    size_t arena_bytes;
    void *scratch;
    size_t scratch_bytes;
    void *state;
    size_t state_bytes;
    void *packed;
    size_t packed_bytes;
} li_memory;

LI_API uint32_t li_abi_version(void);                 /* changes when a declaration here changes */
LI_API const char *li_version(void);                  /* "major.minor.patch" */
LI_API const char *li_strerror(li_status status);     /* one English phrase, never NULL */
LI_API const char *li_rule_text(int32_t rule);        /* one English phrase for li_fault.rule, never NULL */

/* Structure only: offsets, vectors, unions, buffer bounds. No recursion, no working memory, time O(size). */
LI_API li_status li_check(const void *model, size_t size, li_info *info, li_fault *fault);

/* Meaning: operators, shapes, types, quantization, order, placement. Writes `work` (16-byte aligned) only. */
LI_API li_status li_plan(const void *model, size_t size, const li_options *options, void *work, size_t work_bytes,
                         li_need *need, li_fault *fault);

/* Check, plan, then fill multipliers, tables and packed weights. On failure *net is NULL. */
LI_API li_status li_open(li_net **net, const void *model, size_t size, const li_memory *memory,
                         const li_options *options, li_fault *fault);

LI_API int32_t li_inputs(const li_net *net);
LI_API int32_t li_outputs(const li_net *net);
LI_API int32_t li_tensors(const li_net *net);
LI_API int32_t li_operations(const li_net *net);
LI_API li_tensor *li_input(li_net *net, int32_t i);      /* NULL when i is out of range, likewise below */
LI_API li_tensor *li_output(li_net *net, int32_t i);
LI_API li_tensor *li_tensor_at(li_net *net, int32_t i);  /* by index in the file */

/* Where the elements are, or NULL for a tensor without bytes. Without LI_KEEP_TENSORS only inputs, outputs, constants
   and variables are meaningful between runs. Constants point into the model and must not be written. */
LI_API void *li_tensor_data(const li_tensor *tensor);
LI_API size_t li_tensor_bytes(const li_tensor *tensor);
LI_API li_type li_tensor_type(const li_tensor *tensor);
LI_API int32_t li_tensor_rank(const li_tensor *tensor);
LI_API const int32_t *li_tensor_dims(const li_tensor *tensor);                     /* rank numbers */
LI_API int32_t li_tensor_scales(const li_tensor *tensor, float *scales, int32_t capacity);   /* copies; returns how many there are: 0, 1 or one per channel */
LI_API int32_t li_tensor_zero_points(const li_tensor *tensor, int32_t *zero_points, int32_t capacity);
LI_API int32_t li_tensor_axis(const li_tensor *tensor);                            /* the per-channel dimension */
LI_API const char *li_tensor_name(const li_tensor *tensor, size_t *length);        /* in the file; not NUL-terminated in general */
LI_API int32_t li_tensor_index(const li_tensor *tensor);                           /* in the file */
LI_API int32_t li_tensor_is_constant(const li_tensor *tensor);
LI_API int32_t li_tensor_is_variable(const li_tensor *tensor);

/* One pass over the operators. The only failures of an open net are LI_BAD_INPUT and LI_CANCELLED. */
LI_API li_status li_run(li_net *net);
/* One operator, by index, for stepping and for tools. Each once from the first to the last is li_run; in any other order it
   needs LI_KEEP_TENSORS, since operators reuse bytes. */
LI_API li_status li_run_operator(li_net *net, int32_t i);
/* Variables back to their start: int8 and uint8 to the zero point, others to 0. li_open does this too. */
LI_API li_status li_reset(li_net *net);

/* Called before (when = 0) and after (when = 1) each operator of li_run and li_run_operator; an answer other than 0 stops
   the run. It may read the operator's tensors. Set and removed between passes. */
typedef int32_t (*li_hook_fn)(void *context, li_net *net, int32_t operation, int32_t when);
LI_API void li_hook(li_net *net, li_hook_fn hook, void *context);   /* NULL: none */

/* The fault of the last failed li_run, li_run_operator or li_reset of this net. */
LI_API void li_last_fault(const li_net *net, li_fault *fault);

LI_API int32_t li_operator_inputs(const li_net *net, int32_t i, int32_t *tensors, int32_t capacity);   /* copies indices; returns how many there are */
LI_API int32_t li_operator_outputs(const li_net *net, int32_t i, int32_t *tensors, int32_t capacity);
LI_API int32_t li_operator_builtin(const li_net *net, int32_t i);                      /* BuiltinOperator code */
/* What one operator adds to li_need: in the state (multipliers, tables), in the packed part, and the scratch of one thread that
   it works in. Bytes, before rounding up; 0 for an index out of range. Any pointer may be NULL. `net` may also be the `work` of
   the last li_plan that succeeded on it. */
LI_API void li_operator_bytes(const li_net *net, int32_t i, size_t *state, size_t *packed, size_t *scratch);
LI_API const char *li_operator_loop(const li_net *net, int32_t i);    /* the loop that planning chose for a whole layer: "direct", ...; "" for others */
LI_API const char *li_kernels_name(const li_net *net);                                 /* the kernel set in use: "ref", "avx2", ... */
/* Multiplies and adds in registers alone, with the best instructions of the kernel set in use, and answers how many products that
   were: a caller with a clock learns what this core could do at most. 0 where the set has none for LI_INT8 or LI_FLOAT32. */
LI_API uint64_t li_peak(const li_net *net, li_type type, uint32_t rounds);

/* cffi-end */

#ifdef __cplusplus
}
#endif
#endif
