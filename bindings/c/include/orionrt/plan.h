/*
 * The memory planner of OrionRT: lifetimes in, offsets out.
 *
 * Licensed as OrionRT is: MIT or Apache-2.0. Made by cbindgen from bindings/c/src; do not edit.
 *
 *   orionrt_columns columns = {0};             // pointers to your own arrays
 *   orionrt_lifetimes *lifetimes = NULL;
 *   orionrt_plan *plan = NULL;
 *   orionrt_error *error = NULL;
 *   if (orionrt_lifetimes_from_columns(&columns, &lifetimes, &error) == ORIONRT_OK &&
 *       orionrt_plan_make(lifetimes, NULL, &plan, &error) == ORIONRT_OK)
 *     use(orionrt_plan_peak(plan), orionrt_plan_offsets(plan));
 *   else
 *     fputs(orionrt_error_message(error), stderr);
 *   orionrt_error_free(error), orionrt_plan_free(plan), orionrt_lifetimes_free(lifetimes);
 *
 * Units: sizes, offsets and alignments are bytes; steps have no unit but their order, and a
 * lifetime is half-open: alive from step `lower` up to the step before `upper`.
 *
 * Errors: a function that can fail returns an orionrt_status and takes an orionrt_error ** last,
 * which may be null. It is set to null after a success and to an error that you free after a
 * failure; what it held before is not looked at. What a failed function was to make is null, a
 * number that it was to give is ORIONRT_NONE, and arrays and rows are left as they are.
 * Functions that only tell something return 0, false or null for a null handle.
 *
 * Ownership: what a function makes through a pointer to a pointer, or returns from a name that
 * ends in _new, is yours: free it with the function of its type that ends in _free, which takes
 * null, too. What is returned as a pointer to const belongs to the handle it was asked of.
 *
 * Threads: any function may be called from any thread. A handle that is not being changed may be
 * used by several threads at once; functions that change one take it without const.
 *
 * Without model files (the Cargo feature `models`), define ORIONRT_WITHOUT_MODELS.
 */

#ifndef ORIONRT_PLAN_H
#define ORIONRT_PLAN_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifndef ORIONRT_WITHOUT_MODELS
#define ORIONRT_MODELS 1
#endif

/* The version of this header; that of the library that runs is orionrt_version(). */
#define ORIONRT_VERSION "0.1.0"
#define ORIONRT_VERSION_MAJOR 0
#define ORIONRT_VERSION_MINOR 1
#define ORIONRT_VERSION_PATCH 0

/* "None" where a position is asked for. */
#define ORIONRT_NONE SIZE_MAX

/* "Not fixed" in a column of fixed offsets. */
#define ORIONRT_NOT_FIXED UINT64_MAX

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the binary interface that this header describes. It grows when a function or a
 * structure changes, also by a new field, not when a function is added. The shared library's name
 * has it: `liborionrt-plan.so.3`.
 */
#define ORIONRT_ABI_VERSION 3

/**
 * What became of a call: `ORIONRT_OK`, or the kind of error. Numbers stay as they are from one
 * version to the next.
 */
enum orionrt_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The call did what it says.
   */
  ORIONRT_OK = 0,
  /**
   * A pointer is null that must not be.
   */
  ORIONRT_NULL_POINTER = 1,
  /**
   * A number means nothing here: an unknown id, an unknown kind, a stride that is too small.
   */
  ORIONRT_INVALID_ARGUMENT = 2,
  /**
   * A length is larger than memory can be.
   */
  ORIONRT_LENGTH_OVERFLOW = 3,
  /**
   * Text is not UTF-8.
   */
  ORIONRT_NOT_UTF8 = 4,
  /**
   * The library has a bug, or the system refused it a thread; the message says what happened.
   */
  ORIONRT_INTERNAL = 5,
  /**
   * A lifetime ends before it starts.
   */
  ORIONRT_ENDS_BEFORE_START = 10,
  /**
   * An alignment is not a power of two up to 2^62.
   */
  ORIONRT_BAD_ALIGNMENT = 11,
  /**
   * All sizes together, each rounded up to its alignment, reach 2^63 bytes.
   */
  ORIONRT_SIZE_OVERFLOW = 12,
  /**
   * A fixed offset is not a multiple of the tensor's alignment, or leaves the first 2^63 bytes.
   */
  ORIONRT_BAD_FIXED_OFFSET = 13,
  /**
   * A gap is empty, leaves its lifetime, or overlaps another one.
   */
  ORIONRT_BAD_GAP = 14,
  /**
   * A tensor cannot lie within another one as declared.
   */
  ORIONRT_BAD_VIEW = 15,
  /**
   * A name is given twice.
   */
  ORIONRT_DUPLICATE_NAME = 16,
  /**
   * There are more tensors, operators or models than can be numbered.
   */
  ORIONRT_TOO_MANY = 17,
  /**
   * A window is empty, leaves its tensor or its lifetime, or has steps of a gap.
   */
  ORIONRT_BAD_WINDOW = 18,
  /**
   * There is not exactly one offset for each tensor.
   */
  ORIONRT_WRONG_COUNT = 20,
  /**
   * An offset is not a multiple of its tensor's alignment.
   */
  ORIONRT_MISALIGNED = 21,
  /**
   * A tensor is not at the offset that it must have: a fixed one, or its place in another one.
   */
  ORIONRT_WRONG_PLACE = 22,
  /**
   * A tensor ends at 2^63 bytes or above.
   */
  ORIONRT_OUT_OF_RANGE = 23,
  /**
   * Two tensors share bytes while both may be alive.
   */
  ORIONRT_OVERLAP = 24,
  /**
   * No plan within the capacity was found; see `orionrt_error_best_plan`.
   */
  ORIONRT_OVER_CAPACITY = 30,
  /**
   * No strategy has this name; see `orionrt_strategy_name`.
   */
  ORIONRT_UNKNOWN_STRATEGY = 31,
  /**
   * A strategy proposed offsets that are not a plan, which is a bug of the library.
   */
  ORIONRT_BAD_STRATEGY = 32,
  /**
   * A file cannot be read or written.
   */
  ORIONRT_IO = 40,
  /**
   * Text or a file is not what it should be; the message says where.
   */
  ORIONRT_MALFORMED = 41,
  /**
   * Operators and tensors do not make a graph; the message names them.
   */
  ORIONRT_BAD_GRAPH = 50,
  /**
   * A file is not a model that can be planned.
   */
  ORIONRT_BAD_MODEL = 60,
  /**
   * Sizes of a model's dimensions are missing; the message names all of them.
   */
  ORIONRT_MISSING_DIMENSIONS = 61,
  /**
   * The model has no dimension or input of this name, or a value does not fit the input.
   */
  ORIONRT_UNKNOWN_NAME = 62,
  /**
   * Models, or when they run, do not fit together.
   */
  ORIONRT_BAD_SCHEDULE = 70,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum orionrt_status orionrt_status;
#else
typedef int32_t orionrt_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How much sharing of bytes between the operands and results of operators is used.
 */
enum orionrt_aliasing
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * None: every tensor has bytes of its own, and a view is a copy.
   */
  ORIONRT_ALIASING_OFF = 0,
  /**
   * Views lie within the tensors that they are views of.
   */
  ORIONRT_ALIASING_VIEWS = 1,
  /**
   * Views, and results in place: a result takes the bytes of an operand where that is safe.
   */
  ORIONRT_ALIASING_IN_PLACE = 2,
  /**
   * Views, results in place, and parts: an operand of a concatenation lies in its result from
   * its write on, where that is safe, and need not be copied. It is for executors that go by
   * offsets. Parts raise no load, but tie offsets to each other: where the lower peak counts,
   * plan with `ORIONRT_ALIASING_IN_PLACE`, too.
   */
  ORIONRT_ALIASING_PARTS = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum orionrt_aliasing orionrt_aliasing;
#else
typedef uint32_t orionrt_aliasing;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The devices that a file of CSV names. It never changes, so any number of threads may use it.
 * Free it with `orionrt_devices_free`.
 */
typedef struct orionrt_devices orionrt_devices;

/**
 * Why a call failed. Free it with `orionrt_error_free`.
 */
typedef struct orionrt_error orionrt_error;

/**
 * Operators in execution order, and the tensors that each reads and writes. Free it with
 * `orionrt_graph_free`.
 */
typedef struct orionrt_graph orionrt_graph;

/**
 * When each tensor is alive, and how many bytes it needs: the rows that are planned, checked.
 * Functions that take it as `const` may be called from several threads at once. Free it with
 * `orionrt_lifetimes_free`.
 */
typedef struct orionrt_lifetimes orionrt_lifetimes;

#if defined(ORIONRT_MODELS)
/**
 * A model that was read from a file. It never changes, so any number of threads may use it. Free
 * it with `orionrt_model_free`.
 */
typedef struct orionrt_model orionrt_model;
#endif

#if defined(ORIONRT_MODELS)
/**
 * What you decide about a model before it is read. Where a function takes it, null means: no
 * dimensions, no values of inputs, no donated inputs, an alignment of 64 bytes. Free it with
 * `orionrt_model_options_free`.
 */
typedef struct orionrt_model_options orionrt_model_options;
#endif

/**
 * Models that are to have one region of memory. Free it with `orionrt_model_set_free`.
 */
typedef struct orionrt_model_set orionrt_model_set;

/**
 * An offset for every tensor, checked: no two tensors that are alive together share a byte. It
 * never changes, so any number of threads may use it at once. Free it with `orionrt_plan_free`.
 */
typedef struct orionrt_plan orionrt_plan;

/**
 * The options of planning. Where a function takes them, null means the defaults: the strategy
 * "auto", a time limit of one second, one thread. Free them with `orionrt_planner_free`.
 */
typedef struct orionrt_planner orionrt_planner;

/**
 * The load of lifetimes over time, and a lower bound beside it. It never changes, so any number of
 * threads may use it. Free it with `orionrt_profile_free`.
 */
typedef struct orionrt_profile orionrt_profile;

/**
 * A plan of several models in one region. It never changes, so any number of threads may use it.
 * Free it with `orionrt_shared_plan_free`.
 */
typedef struct orionrt_shared_plan orionrt_shared_plan;

/**
 * Which tensors of different models may share bytes. It never changes, so any number of threads
 * may use it. Free it with `orionrt_sharing_free`.
 */
typedef struct orionrt_sharing orionrt_sharing;

/**
 * Text that the caller owns: JSON, CSV, warnings. Free it with `orionrt_text_free`.
 */
typedef struct orionrt_text orionrt_text;

/**
 * UTF-8 text in memory: `length` bytes without a zero byte at the end. It belongs to the handle
 * that it was asked of, and is valid as long as that. Print it with
 * `printf("%.*s", (int)string.length, string.data)`.
 */
typedef struct orionrt_string {
  /**
   * The first byte; if there is no text, that of an empty one, never null.
   */
  const char *data;
  /**
   * The number of bytes.
   */
  size_t length;
} orionrt_string;

/**
 * A column of values: the first one, and how many bytes after it the next one comes.
 *
 * For an array `uint64_t sizes[]` it is `{sizes, 0}`; for a field of an array of structures it is
 * `{&rows[0].size, sizeof rows[0]}`.
 */
typedef struct orionrt_column {
  /**
   * The first value; null if the column is left out. It need not be aligned.
   */
  const void *data;
  /**
   * From one value to the next, in bytes; 0 if they follow each other as in an array.
   */
  size_t stride;
} orionrt_column;

/**
 * Tensors as columns. All columns have `count` values. Zero the structure before you fill it, so
 * that columns which a later version of this header adds are left out once your source is compiled
 * with it. That helps sources, not binaries: a new column is a new `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_columns {
  /**
   * The number of tensors.
   */
  size_t count;
  /**
   * `int64_t`: the first step at which each tensor is alive.
   */
  struct orionrt_column lower;
  /**
   * `int64_t`: the first step at which it is no longer alive.
   */
  struct orionrt_column upper;
  /**
   * `uint64_t`: its size in bytes.
   */
  struct orionrt_column size;
  /**
   * `uint64_t`: its alignment in bytes, a power of two up to 2^62. Left out: 1.
   */
  struct orionrt_column alignment;
  /**
   * `uint64_t`: the offset in bytes that it must have, or `ORIONRT_NOT_FIXED` if the planner may
   * choose. Left out: the planner chooses all.
   */
  struct orionrt_column fixed_offset;
  /**
   * `size_t`: the number of the tensor whose bytes it lies within, as a view does, or
   * `ORIONRT_NONE` if it has its own. Left out: all have their own.
   */
  struct orionrt_column root;
  /**
   * `uint64_t`: where in the root it begins, in bytes. Left out: at its first byte.
   */
  struct orionrt_column root_offset;
  /**
   * `const char *`: its name in UTF-8, each one once. Left out: "0", "1", "2" and so on.
   */
  struct orionrt_column name;
} orionrt_columns;

/**
 * A tensor as it is planned. A new field is a new `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_row {
  /**
   * The first step at which the tensor is alive.
   */
  int64_t lower;
  /**
   * The first step at which it is no longer alive.
   */
  int64_t upper;
  /**
   * Its size in bytes.
   */
  uint64_t size;
  /**
   * Its alignment in bytes, a power of two.
   */
  uint64_t alignment;
  /**
   * The offset in bytes that it must have; `ORIONRT_NOT_FIXED` if the planner may choose.
   */
  uint64_t fixed_offset;
  /**
   * The tensor whose bytes it lies within, as a view does; `ORIONRT_NONE` if it has its own.
   */
  size_t root;
  /**
   * Where in the root it begins, in bytes.
   */
  uint64_t root_offset;
} orionrt_row;

/**
 * Steps in the lifetime of a tensor at which its bytes are not needed, so that others may have
 * them. The tensor has the same offset before and after.
 */
typedef struct orionrt_gap {
  /**
   * The tensor, counted from 0.
   */
  size_t tensor;
  /**
   * The first step of the gap.
   */
  int64_t lower;
  /**
   * The first step after the gap.
   */
  int64_t upper;
} orionrt_gap;

/**
 * Bytes of a tensor that are needed at some steps. The tensor has one offset, at which all of its
 * pieces begin to count.
 */
typedef struct orionrt_piece {
  /**
   * The tensor, counted from 0.
   */
  size_t tensor;
  /**
   * The first step.
   */
  int64_t lower;
  /**
   * The first step after the piece.
   */
  int64_t upper;
  /**
   * The first byte, counted from the start of the tensor.
   */
  uint64_t first;
  /**
   * The first byte after the piece.
   */
  uint64_t end;
} orionrt_piece;

/**
 * A search that goes on, as `orionrt_progress_function` is told. A new field is a new
 * `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_progress {
  /**
   * How long the search has gone on, in microseconds.
   */
  uint64_t elapsed_us;
  /**
   * The peak in bytes of the best plan found so far; `UINT64_MAX` before the first one. Of a
   * shared plan, it is that of the search for all models together.
   */
  uint64_t best_peak;
  /**
   * A lower bound in bytes of the peak of every plan, as it is known without a search; 0 until
   * the planner has found it out.
   */
  uint64_t lower_bound;
} orionrt_progress;

/**
 * Is called while a search goes on, on the thread that asked for the plan. Return false to end the
 * search: the plan is then the best one found by then.
 *
 * It may call any function of this library, its planner's among them, except one that changes or
 * frees the lifetimes or the set that this search plans. What it changes of its planner holds for
 * later plans. It must return: it must not throw, `longjmp` or end its thread.
 */
typedef bool (*orionrt_progress_function)(const struct orionrt_progress *progress, void *data);

/**
 * Consecutive steps at which the same tensors are alive. A new field is a new
 * `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_section {
  /**
   * The first step.
   */
  int64_t lower;
  /**
   * The step after the last one.
   */
  int64_t upper;
  /**
   * The bytes of the tensors that are alive.
   */
  uint64_t live_bytes;
  /**
   * The least end in bytes of the topmost of them in any plan. It is above the bytes that are
   * alive where alignment costs bytes or an offset is fixed.
   */
  uint64_t bound;
} orionrt_section;

/**
 * Two models that may run at the same time, by their numbers.
 */
typedef struct orionrt_model_pair {
  /**
   * The one model.
   */
  size_t first;
  /**
   * The other model.
   */
  size_t second;
} orionrt_model_pair;

/**
 * The steps of a common clock at which a model starts.
 */
typedef struct orionrt_starts {
  /**
   * The steps, in any order.
   */
  const int64_t *steps;
  /**
   * How many there are, at least one.
   */
  size_t count;
} orionrt_starts;

/**
 * A tensor of one of several models, by their numbers.
 */
typedef struct orionrt_model_tensor {
  /**
   * The model.
   */
  size_t model;
  /**
   * The tensor in it.
   */
  size_t tensor;
} orionrt_model_tensor;

/**
 * Two tensors of different models that are never alive together. A new field is a new
 * `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_sharing_pair {
  /**
   * The smaller tensor; either one if both have the same size.
   */
  struct orionrt_model_tensor smaller;
  /**
   * The other tensor.
   */
  struct orionrt_model_tensor larger;
  /**
   * The most bytes that they can share: the size of the smaller one.
   */
  uint64_t bytes;
} orionrt_sharing_pair;

/**
 * Bytes that two tensors of different models share in a shared plan. A new field is a new
 * `ORIONRT_ABI_VERSION`.
 */
typedef struct orionrt_shared_range {
  /**
   * The tensor of the model with the lower number.
   */
  struct orionrt_model_tensor first;
  /**
   * The other tensor.
   */
  struct orionrt_model_tensor second;
  /**
   * The first byte that both have, from the start of the region.
   */
  uint64_t lower;
  /**
   * The byte after the last one.
   */
  uint64_t upper;
} orionrt_shared_range;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, as it stands in this header; "unknown status" for any other number. It is
 * valid for good.
 */
const char *orionrt_status_name(int32_t status);

/**
 * The kind of an error; `ORIONRT_OK` for a null pointer.
 *
 * Pointers:
 * `error` is null or an error that has not been freed.
 */
orionrt_status orionrt_error_status(const struct orionrt_error *error);

/**
 * What is wrong, in English and UTF-8: the place, the value found, and what was expected. It is
 * valid until the error is freed; null for a null pointer.
 *
 * Pointers:
 * `error` is null or an error that has not been freed.
 */
const char *orionrt_error_message(const struct orionrt_error *error);

/**
 * The row or tensor that the error is about, counted from 0: the later one of two. `ORIONRT_NONE`
 * if it is about none.
 *
 * Pointers:
 * `error` is null or an error that has not been freed.
 */
size_t orionrt_error_index(const struct orionrt_error *error);

/**
 * The best plan found, if the error is `ORIONRT_OVER_CAPACITY`, else null. It belongs to the
 * error and is valid until the error is freed.
 *
 * Pointers:
 * `error` is null or an error that has not been freed.
 */
const struct orionrt_plan *orionrt_error_best_plan(const struct orionrt_error *error);

/**
 * Frees an error; nothing for a null pointer.
 *
 * Pointers:
 * `error` is null or an error that has not been freed, and is not used any more.
 */
void orionrt_error_free(struct orionrt_error *error);

/**
 * The text. It is valid until the text is freed.
 *
 * Pointers:
 * `text` is null or a text that has not been freed.
 */
struct orionrt_string orionrt_text_string(const struct orionrt_text *text);

/**
 * Frees a text; nothing for a null pointer.
 *
 * Pointers:
 * `text` is null or a text that has not been freed, and is not used any more.
 */
void orionrt_text_free(struct orionrt_text *text);

/**
 * The version of the library that runs, `MAJOR.MINOR.PATCH`; that of the header is
 * `ORIONRT_VERSION`. It is valid for good.
 */
const char *orionrt_version(void);

/**
 * The version of the binary interface of the library that runs; a program that was compiled with
 * another `ORIONRT_ABI_VERSION` must not go on.
 */
uint32_t orionrt_abi_version(void);

/**
 * Makes lifetimes from columns of numbers, which are read during the call alone. The tensors keep
 * their order: their offsets come in the same one.
 *
 * Pointers:
 * `columns` is null or has columns of `count` values each; `lifetimes` and `error` are null or may
 * be written to.
 */
orionrt_status orionrt_lifetimes_from_columns(const struct orionrt_columns *columns,
                                              struct orionrt_lifetimes **lifetimes,
                                              struct orionrt_error **error);

/**
 * Reads lifetimes from CSV: one tensor a line, below a header with `id,lower,upper,size` and, if
 * you like, `alignment`, `gaps` and `fixed_offset`, in any order.
 *
 * `warnings` may be null. If something in the file is not planned as it stands there, such as an
 * unknown column, it gets a text that you free, with one warning a line; else, and after an error,
 * it is set to null.
 *
 * Pointers:
 * `text` is null or has `length` bytes; `lifetimes`, `warnings` and `error` are null or may be
 * written to.
 */
orionrt_status orionrt_lifetimes_from_csv(const char *text,
                                          size_t length,
                                          struct orionrt_lifetimes **lifetimes,
                                          struct orionrt_text **warnings,
                                          struct orionrt_error **error);

/**
 * How many tensors there are; 0 for a null pointer.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
size_t orionrt_lifetimes_count(const struct orionrt_lifetimes *lifetimes);

/**
 * The most bytes that are alive at one step. No plan has a lower peak.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
uint64_t orionrt_lifetimes_load(const struct orionrt_lifetimes *lifetimes);

/**
 * The best lower bound of every plan's peak that is known without a search, in bytes.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
uint64_t orionrt_lifetimes_lower_bound(const struct orionrt_lifetimes *lifetimes);

/**
 * The sum of the sizes of all tensors that have bytes of their own: the peak if no two of them
 * shared any.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
uint64_t orionrt_lifetimes_total_bytes(const struct orionrt_lifetimes *lifetimes);

/**
 * The name of a tensor, valid until the lifetimes are freed or changed; no text for an unknown
 * tensor.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
struct orionrt_string orionrt_lifetimes_name(const struct orionrt_lifetimes *lifetimes,
                                             size_t tensor);

/**
 * The tensor of this name; `ORIONRT_NONE` if there is none. A name that has a zero byte is not
 * found. Linear in the number of tensors.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `name` is null or ends with a zero byte.
 */
size_t orionrt_lifetimes_find(const struct orionrt_lifetimes *lifetimes, const char *name);

/**
 * The row of a tensor, which is left as it is after an error. With gaps, `lower` and `upper` go
 * from the first step of its first part to the end of its last one.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `row` and `error` are null or may be written to.
 */
orionrt_status orionrt_lifetimes_row(const struct orionrt_lifetimes *lifetimes,
                                     size_t tensor,
                                     struct orionrt_row *row,
                                     struct orionrt_error **error);

/**
 * Frees lifetimes; nothing for a null pointer. Plans that were made of them stay.
 *
 * Pointers:
 * `lifetimes` is null or a live handle, and is not used any more.
 */
void orionrt_lifetimes_free(struct orionrt_lifetimes *lifetimes);

/**
 * Reads which devices the column `device` of CSV names, in order of their first rows; none if
 * there is no such column.
 *
 * Pointers:
 * `text` is null or has `length` bytes; `devices` and `error` are null or may be written to.
 */
orionrt_status orionrt_devices_from_csv(const char *text,
                                        size_t length,
                                        struct orionrt_devices **devices,
                                        struct orionrt_error **error);

/**
 * How many devices there are.
 *
 * Pointers:
 * `devices` is null or a live handle.
 */
size_t orionrt_devices_count(const struct orionrt_devices *devices);

/**
 * The name of a device, counted from 0; it belongs to the handle and is valid until that is freed.
 * No text if there are fewer.
 *
 * Pointers:
 * `devices` is null or a live handle.
 */
struct orionrt_string orionrt_devices_name(const struct orionrt_devices *devices, size_t index);

/**
 * Reads the lifetimes of one device from CSV, as `orionrt_lifetimes_from_csv` does: those of the
 * rows that name it in the column `device`. There are none if no row does.
 *
 * Pointers:
 * `text` is null or has `length` bytes; `device` is null or ends with a zero byte; `lifetimes`,
 * `warnings` and `error` are null or may be written to.
 */
orionrt_status orionrt_lifetimes_from_csv_on(const char *text,
                                             size_t length,
                                             const char *device,
                                             struct orionrt_lifetimes **lifetimes,
                                             struct orionrt_text **warnings,
                                             struct orionrt_error **error);

/**
 * Frees devices; nothing for a null pointer.
 *
 * Pointers:
 * `devices` is null or a live handle, and is not used any more.
 */
void orionrt_devices_free(struct orionrt_devices *devices);

/**
 * Adds gaps: steps at which tensors need no bytes. Gaps of one tensor may come in any order, and
 * may touch but not overlap; those of earlier calls stay. No other thread may use the lifetimes
 * meanwhile.
 *
 * Pointers:
 * `lifetimes` is null or a live handle, and no other thread uses it; `gaps` is null or has `count`
 * gaps; `error` is null or may be written to.
 */
orionrt_status orionrt_lifetimes_add_gaps(struct orionrt_lifetimes *lifetimes,
                                          const struct orionrt_gap *gaps,
                                          size_t count,
                                          struct orionrt_error **error);

/**
 * How many gaps a tensor has; 0 for an unknown tensor. Gaps that touch are one, and a gap at the
 * beginning or the end of a lifetime is none: the lifetime is shorter then.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
size_t orionrt_lifetimes_gap_count(const struct orionrt_lifetimes *lifetimes, size_t tensor);

/**
 * Copies the gaps of a tensor, in ascending order, into an array with room for `room` of them, at
 * least `orionrt_lifetimes_gap_count`.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `gaps` is null or has room for so many; `error` is null or
 * may be written to.
 */
orionrt_status orionrt_lifetimes_copy_gaps(const struct orionrt_lifetimes *lifetimes,
                                           size_t tensor,
                                           struct orionrt_gap *gaps,
                                           size_t room,
                                           struct orionrt_error **error);

/**
 * Adds windows: steps at which only these bytes of tensors are needed, so that others may have the
 * rest. Windows of one tensor may come in any order, and several may have the same steps: then the
 * bytes of all of them are needed. They replace what was needed at their steps before this call.
 * No other thread may use the lifetimes meanwhile.
 *
 * Pointers:
 * `lifetimes` is null or a live handle, and no other thread uses it; `windows` is null or has
 * `count` pieces; `error` is null or may be written to.
 */
orionrt_status orionrt_lifetimes_add_windows(struct orionrt_lifetimes *lifetimes,
                                             const struct orionrt_piece *windows,
                                             size_t count,
                                             struct orionrt_error **error);

/**
 * How many pieces a tensor has; 0 for an unknown tensor. Without gaps and windows, a tensor that
 * is ever alive has one: all of its bytes in all of its steps.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
size_t orionrt_lifetimes_piece_count(const struct orionrt_lifetimes *lifetimes, size_t tensor);

/**
 * Copies the pieces of a tensor, in ascending order of steps and then of bytes, into an array with
 * room for `room` of them, at least `orionrt_lifetimes_piece_count`.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `pieces` is null or has room for so many; `error` is null
 * or may be written to.
 */
orionrt_status orionrt_lifetimes_copy_pieces(const struct orionrt_lifetimes *lifetimes,
                                             size_t tensor,
                                             struct orionrt_piece *pieces,
                                             size_t room,
                                             struct orionrt_error **error);

/**
 * A graph without operators.
 */
struct orionrt_graph *orionrt_graph_new(void);

/**
 * Adds a tensor of `size` bytes at a multiple of `alignment` bytes, a power of two up to 2^62. Its
 * number, by which operators name it, is also its position in the lifetimes; `tensor` may be null,
 * and gets `ORIONRT_NONE` after an error.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `tensor` and `error` are null or may be written to.
 */
orionrt_status orionrt_graph_add_tensor(struct orionrt_graph *graph,
                                        const char *name,
                                        uint64_t size,
                                        uint64_t alignment,
                                        size_t *tensor,
                                        struct orionrt_error **error);

/**
 * Adds the next operator in execution order, with the tensors that it reads and writes. Its number
 * is its step in the lifetimes; `op` may be null, and gets `ORIONRT_NONE` after an error.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `reads` and `writes` are null or have as many tensors as stated; `op` and `error` are
 * null or may be written to.
 */
orionrt_status orionrt_graph_add_operator(struct orionrt_graph *graph,
                                          const char *name,
                                          const size_t *reads,
                                          size_t read_count,
                                          const size_t *writes,
                                          size_t write_count,
                                          size_t *op,
                                          struct orionrt_error **error);

/**
 * Declares that a result of an operator is a view: it has no bytes of its own, but those of the
 * operand `of` from byte `offset` on. Adds both to what the operator reads and writes.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_view(struct orionrt_graph *graph,
                                      size_t op,
                                      size_t result,
                                      size_t of,
                                      uint64_t offset,
                                      struct orionrt_error **error);

/**
 * Declares that a result of an operator may take the bytes of the operand `of`, which has the same
 * size; it does if nobody needs the operand afterwards. Adds both to what the operator reads and
 * writes.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_in_place(struct orionrt_graph *graph,
                                          size_t op,
                                          size_t result,
                                          size_t of,
                                          struct orionrt_error **error);

/**
 * Declares that a result of an operator has the bytes of an operand, from byte `offset` of the
 * result on, as that of a concatenation along the outermost axis has. With
 * `ORIONRT_ALIASING_PARTS` the operand then lies within the result, where that is safe. Adds both
 * to what the operator reads and writes.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_part(struct orionrt_graph *graph,
                                      size_t op,
                                      size_t operand,
                                      size_t result,
                                      uint64_t offset,
                                      struct orionrt_error **error);

/**
 * Puts an operator on a stream; all are on stream 0 by default. Operators of one stream run in
 * order; those of different streams run side by side unless one waits for the other.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_set_stream(struct orionrt_graph *graph,
                                        size_t op,
                                        uint32_t stream,
                                        struct orionrt_error **error);

/**
 * Makes an operator wait until another one, `first`, has ended.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_wait(struct orionrt_graph *graph,
                                      size_t op,
                                      size_t first,
                                      struct orionrt_error **error);

/**
 * Declares that the operators from `first` up to `end`, which is not one of them, run any number
 * of times, as the body of a loop does.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_loop(struct orionrt_graph *graph,
                                      size_t first,
                                      size_t end,
                                      struct orionrt_error **error);

/**
 * Declares that exactly one of several branches runs each time, as those of an `if` do. `bounds`
 * has the first operator of each branch and, at the end, the first one after all of them: `count`
 * numbers for `count - 1` branches.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `bounds` is null or has `count`
 * numbers; `error` is null or may be written to.
 */
orionrt_status orionrt_graph_add_branches(struct orionrt_graph *graph,
                                          const size_t *bounds,
                                          size_t count,
                                          struct orionrt_error **error);

/**
 * Declares an input of the graph, which the caller fills before step 0. A tensor that is read and
 * never written is one anyway.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_input(struct orionrt_graph *graph,
                                       size_t tensor,
                                       struct orionrt_error **error);

/**
 * Declares an output of the graph, which stays alive after the last operator.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_add_output(struct orionrt_graph *graph,
                                        size_t tensor,
                                        struct orionrt_error **error);

/**
 * Gives up the bytes of an input: results in place may be written over it, as its value is not
 * needed after the graph has run. Without this, an input keeps its bytes as long as an operator
 * reads it.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_donate(struct orionrt_graph *graph,
                                    size_t input,
                                    struct orionrt_error **error);

/**
 * Declares that an output is the new value of an input, as the present of a key-value cache is of
 * its past: both have one offset in every plan, whatever the aliasing. The lifetimes are refused
 * with `ORIONRT_BAD_GRAPH` where an operator may read the old value after the new one is written.
 *
 * Pointers:
 * `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
 * to.
 */
orionrt_status orionrt_graph_alias_output(struct orionrt_graph *graph,
                                          size_t output,
                                          size_t input,
                                          struct orionrt_error **error);

/**
 * How many operators a graph has; 0 for a null pointer.
 *
 * Pointers:
 * `graph` is null or a live handle.
 */
size_t orionrt_graph_operator_count(const struct orionrt_graph *graph);

/**
 * Frees a graph; nothing for a null pointer.
 *
 * Pointers:
 * `graph` is null or a live handle, and is not used any more.
 */
void orionrt_graph_free(struct orionrt_graph *graph);

/**
 * The lifetimes of a graph's tensors, in order of their numbers; `aliasing` is one of
 * `orionrt_aliasing`. The graph may be freed before them.
 *
 * Pointers:
 * `graph` is null or a live handle; `lifetimes` and `error` are null or may be written to.
 */
orionrt_status orionrt_lifetimes_from_graph(const struct orionrt_graph *graph,
                                            uint32_t aliasing,
                                            struct orionrt_lifetimes **lifetimes,
                                            struct orionrt_error **error);

/**
 * The lifetimes of a graph's tensors in an order of its operators with a lower load, if one is
 * found; never a higher one. `order` gets the operator of each step, and has room for `room`
 * numbers, at least `orionrt_graph_operator_count`; it may be null. Graphs with several streams
 * keep their order.
 *
 * Pointers:
 * `graph` is null or a live handle; `order` is null or has room for so many numbers; `lifetimes`
 * and `error` are null or may be written to.
 */
orionrt_status orionrt_lifetimes_from_reordered_graph(const struct orionrt_graph *graph,
                                                      uint32_t aliasing,
                                                      size_t *order,
                                                      size_t room,
                                                      struct orionrt_lifetimes **lifetimes,
                                                      struct orionrt_error **error);

/**
 * How many strategies there are.
 */
size_t orionrt_strategy_count(void);

/**
 * The name of a strategy, counted from 0, the default first; null if there is none. It is valid
 * for good.
 */
const char *orionrt_strategy_name(size_t index);

/**
 * Options with their defaults.
 */
struct orionrt_planner *orionrt_planner_new(void);

/**
 * Limits how long a search may take, in microseconds. The answer is the best plan found by then;
 * there always is one.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_time_limit_us(struct orionrt_planner *planner,
                                                 uint64_t microseconds,
                                                 struct orionrt_error **error);

/**
 * Limits the work of a search instead of its time: a limit of time that was set before is removed,
 * and one that is set afterwards applies as well. A node is one tensor tried at one offset; with
 * one thread and no limit of time, equal limits and seeds give equal plans on every machine.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_node_limit(struct orionrt_planner *planner,
                                              uint64_t nodes,
                                              struct orionrt_error **error);

/**
 * Searches with this many threads, from 1 to 1024, each with a seed of its own.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_threads(struct orionrt_planner *planner,
                                           size_t threads,
                                           struct orionrt_error **error);

/**
 * Stops at the first plan whose peak is at most this many bytes. If there is none, planning fails
 * with `ORIONRT_OVER_CAPACITY`, and the error has the best plan.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_capacity(struct orionrt_planner *planner,
                                            uint64_t bytes,
                                            struct orionrt_error **error);

/**
 * Raises the alignment of every tensor to at least this many bytes, a power of two up to
 * 2^62.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_alignment(struct orionrt_planner *planner,
                                             uint64_t bytes,
                                             struct orionrt_error **error);

/**
 * Sets the seed for random choices; it is 0 by default.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_seed(struct orionrt_planner *planner,
                                        uint64_t seed,
                                        struct orionrt_error **error);

/**
 * Uses the strategy of this name, one of those that `orionrt_strategy_name` lists.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `error` is null or may be written to.
 */
orionrt_status orionrt_planner_set_strategy(struct orionrt_planner *planner,
                                            const char *name,
                                            struct orionrt_error **error);

/**
 * Keeps tensors where a previous plan has them, if their names and sizes are still the same and
 * their bytes are free. The plan is read during the call alone.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `plan` is null or a live
 * handle; `error` is null or may be written to.
 */
orionrt_status orionrt_planner_keep(struct orionrt_planner *planner,
                                    const struct orionrt_plan *plan,
                                    struct orionrt_error **error);

/**
 * Starts from a previous plan, matched by the names of the tensors: if it still is a plan, the
 * answer has no higher peak. The plan is read during the call alone.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `plan` is null or a live
 * handle; `error` is null or may be written to.
 */
orionrt_status orionrt_planner_start_from(struct orionrt_planner *planner,
                                          const struct orionrt_plan *plan,
                                          struct orionrt_error **error);

/**
 * Calls a function while a search goes on, once every `interval_us` microseconds, on the thread
 * that asked for the plan; with a null `function`, later plans have none. The search then has a
 * thread of its own. `data` is handed to the function. Several plans of one planner at once call
 * it from several threads at once.
 *
 * Pointers:
 * `planner` is null or a live handle, and no other thread uses it; `function` may be called with
 * `data` during every later call that plans, on the thread of that call; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_planner_set_progress(struct orionrt_planner *planner,
                                            orionrt_progress_function function,
                                            void *data,
                                            uint64_t interval_us,
                                            struct orionrt_error **error);

/**
 * Frees options; nothing for a null pointer.
 *
 * Pointers:
 * `planner` is null or a live handle, and is not used any more.
 */
void orionrt_planner_free(struct orionrt_planner *planner);

/**
 * Plans: finds an offset for every tensor. A null `planner` stands for the defaults. The lifetimes
 * may be freed before the plan.
 *
 * Pointers:
 * `lifetimes` and `planner` are null or live handles, and nobody changes them meanwhile; `plan`
 * and `error` are null or may be written to.
 */
orionrt_status orionrt_plan_make(const struct orionrt_lifetimes *lifetimes,
                                 const struct orionrt_planner *planner,
                                 struct orionrt_plan **plan,
                                 struct orionrt_error **error);

/**
 * Makes a plan of offsets in bytes that come from elsewhere, one for each tensor in order, if no
 * two tensors that are alive together share a byte and each is aligned. To check alone, there is
 * `orionrt_lifetimes_check`.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `offsets` is null or has `count` offsets; `plan` and
 * `error` are null or may be written to.
 */
orionrt_status orionrt_plan_from_offsets(const struct orionrt_lifetimes *lifetimes,
                                         const uint64_t *offsets,
                                         size_t count,
                                         struct orionrt_plan **plan,
                                         struct orionrt_error **error);

/**
 * Checks offsets in bytes that come from elsewhere, one for each tensor in order: whether no two
 * tensors that are alive together share a byte and each is aligned. The check has nothing in
 * common with what finds offsets.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `offsets` is null or has `count` offsets; `error` is null
 * or may be written to.
 */
orionrt_status orionrt_lifetimes_check(const struct orionrt_lifetimes *lifetimes,
                                       const uint64_t *offsets,
                                       size_t count,
                                       struct orionrt_error **error);

/**
 * How many tensors a plan has; 0 for a null pointer.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
size_t orionrt_plan_count(const struct orionrt_plan *plan);

/**
 * The offsets in bytes of all tensors, in order of the lifetimes: `orionrt_plan_count` of them.
 * They belong to the plan and are valid until it is freed. Null for a null pointer.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
const uint64_t *orionrt_plan_offsets(const struct orionrt_plan *plan);

/**
 * Copies the offsets in bytes of all tensors into an array with room for `room` of them, at least
 * `orionrt_plan_count`.
 *
 * Pointers:
 * `plan` is null or a live handle; `offsets` is null or has room for so many; `error` is null or
 * may be written to.
 */
orionrt_status orionrt_plan_copy_offsets(const struct orionrt_plan *plan,
                                         uint64_t *offsets,
                                         size_t room,
                                         struct orionrt_error **error);

/**
 * The size of the planned region in bytes: the largest end of a tensor.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
uint64_t orionrt_plan_peak(const struct orionrt_plan *plan);

/**
 * The most bytes that are alive at one step.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
uint64_t orionrt_plan_load(const struct orionrt_plan *plan);

/**
 * The best proven lower bound on the peak of every plan for these lifetimes, in bytes.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
uint64_t orionrt_plan_lower_bound(const struct orionrt_plan *plan);

/**
 * Whether the peak is the lower bound, so that no plan can be better.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
bool orionrt_plan_is_optimal(const struct orionrt_plan *plan);

/**
 * The alignment in bytes that the base of the region needs: the largest of a tensor's.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
uint64_t orionrt_plan_alignment(const struct orionrt_plan *plan);

/**
 * The strategy that proposed the offsets, or "given" if they come from elsewhere.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
struct orionrt_string orionrt_plan_strategy(const struct orionrt_plan *plan);

/**
 * The lifetimes that were planned. They belong to the plan and are valid until it is freed.
 *
 * Pointers:
 * `plan` is null or a live handle.
 */
const struct orionrt_lifetimes *orionrt_plan_lifetimes(const struct orionrt_plan *plan);

/**
 * Frees a plan; nothing for a null pointer.
 *
 * Pointers:
 * `plan` is null or a live handle, and is not used any more.
 */
void orionrt_plan_free(struct orionrt_plan *plan);

/**
 * Reads a plan in the JSON that `orionrt_plan_to_json` and the command line write, and checks it.
 * A lower bound that a search proved is not taken on trust: the plan's is that of its lifetimes,
 * so `orionrt_plan_is_optimal` may be false of a plan that was optimal when it was written.
 *
 * Pointers:
 * `json` is null or has `length` bytes; `plan` and `error` are null or may be written to.
 */
orionrt_status orionrt_plan_from_json(const char *json,
                                      size_t length,
                                      struct orionrt_plan **plan,
                                      struct orionrt_error **error);

/**
 * Reads a plan in the CSV that `orionrt_plan_to_csv` and the command line write, and checks it. It
 * has the columns that `orionrt_lifetimes_from_csv` takes, and `offset`. `warnings` is as there.
 *
 * Pointers:
 * `text` is null or has `length` bytes; `plan`, `warnings` and `error` are null or may be written
 * to.
 */
orionrt_status orionrt_plan_from_csv(const char *text,
                                     size_t length,
                                     struct orionrt_plan **plan,
                                     struct orionrt_text **warnings,
                                     struct orionrt_error **error);

/**
 * Reads a plan in JSON from a file, and checks it, as `orionrt_plan_from_json` does.
 *
 * Pointers:
 * `path` is null or ends with a zero byte; `plan` and `error` are null or may be written to.
 */
orionrt_status orionrt_plan_read(const char *path,
                                 struct orionrt_plan **plan,
                                 struct orionrt_error **error);

/**
 * Writes a plan as JSON to a file, which appears complete or not at all: an earlier one of that
 * name is replaced when the new one is complete, and left as it was after an error. The new one
 * has its mode.
 *
 * Pointers:
 * `plan` is null or a live handle; `path` is null or ends with a zero byte; `error` is null or may
 * be written to.
 */
orionrt_status orionrt_plan_write(const struct orionrt_plan *plan,
                                  const char *path,
                                  struct orionrt_error **error);

/**
 * Writes a plan as JSON. Free the text.
 *
 * Pointers:
 * `plan` is null or a live handle; `text` and `error` are null or may be written to.
 */
orionrt_status orionrt_plan_to_json(const struct orionrt_plan *plan,
                                    struct orionrt_text **text,
                                    struct orionrt_error **error);

/**
 * Writes a plan as CSV, one tensor a line: `id,lower,upper,size,alignment,offset`. Free the text.
 *
 * Pointers:
 * `plan` is null or a live handle; `text` and `error` are null or may be written to.
 */
orionrt_status orionrt_plan_to_csv(const struct orionrt_plan *plan,
                                   struct orionrt_text **text,
                                   struct orionrt_error **error);

/**
 * Makes the profile of lifetimes: sections in order of time, one right after the other, from the
 * first step at which a tensor is alive to the last.
 *
 * Pointers:
 * `lifetimes` is null or a live handle; `profile` and `error` are null or may be written to.
 */
orionrt_status orionrt_profile_make(const struct orionrt_lifetimes *lifetimes,
                                    struct orionrt_profile **profile,
                                    struct orionrt_error **error);

/**
 * How many sections a profile has.
 *
 * Pointers:
 * `profile` is null or a live handle.
 */
size_t orionrt_profile_count(const struct orionrt_profile *profile);

/**
 * The sections of a profile. They belong to it and are valid until it is freed.
 *
 * Pointers:
 * `profile` is null or a live handle.
 */
const struct orionrt_section *orionrt_profile_sections(const struct orionrt_profile *profile);

/**
 * Frees a profile; nothing for a null pointer.
 *
 * Pointers:
 * `profile` is null or a live handle, and is not used any more.
 */
void orionrt_profile_free(struct orionrt_profile *profile);

/**
 * Whether two tensors must not share bytes: both need bytes of their own, and they may be alive at
 * the same time. False for a tensor that is not there.
 *
 * Pointers:
 * `lifetimes` is null or a live handle.
 */
bool orionrt_lifetimes_conflict(const struct orionrt_lifetimes *lifetimes,
                                size_t first,
                                size_t second);

/**
 * A set without models.
 */
struct orionrt_model_set *orionrt_model_set_new(void);

/**
 * Adds a model, whose steps are counted by its own clock. Models are numbered from 0 in the order
 * in which they were added; `model` may be null, and gets `ORIONRT_NONE` after an error. The
 * lifetimes are copied.
 *
 * Pointers:
 * `set` is null or a live handle, and no other thread uses it; `name` is null or ends with a zero
 * byte; `lifetimes` is null or a live handle; `model` and `error` are null or may be written to.
 */
orionrt_status orionrt_model_set_add(struct orionrt_model_set *set,
                                     const char *name,
                                     const struct orionrt_lifetimes *lifetimes,
                                     size_t *model,
                                     struct orionrt_error **error);

/**
 * Frees a set; nothing for a null pointer.
 *
 * Pointers:
 * `set` is null or a live handle, and is not used any more.
 */
void orionrt_model_set_free(struct orionrt_model_set *set);

/**
 * Tells which tensors of different models may share bytes, where only the two models of each pair
 * may run at the same time. Nothing is planned. A tensor counts as alive in its gaps, too, which a
 * plan may use.
 *
 * Pointers:
 * `set` is null or a live handle; `pairs` is null or has `count` pairs; `sharing` and `error` are
 * null or may be written to.
 */
orionrt_status orionrt_sharing_find(const struct orionrt_model_set *set,
                                    const struct orionrt_model_pair *pairs,
                                    size_t count,
                                    struct orionrt_sharing **sharing,
                                    struct orionrt_error **error);

/**
 * Tells which tensors of different models may share bytes, where each model starts at given steps
 * of a common clock: tensor by tensor. `starts` has one entry for each model, in order.
 *
 * Pointers:
 * `set` is null or a live handle; `starts` is null or has `count` entries, each with as many steps
 * as it states; `sharing` and `error` are null or may be written to.
 */
orionrt_status orionrt_sharing_find_timed(const struct orionrt_model_set *set,
                                          const struct orionrt_starts *starts,
                                          size_t count,
                                          struct orionrt_sharing **sharing,
                                          struct orionrt_error **error);

/**
 * How many pairs of tensors of different models may share bytes. At least so many, if
 * `orionrt_sharing_is_complete` is false.
 *
 * Pointers:
 * `sharing` is null or a live handle.
 */
uint64_t orionrt_sharing_pair_count(const struct orionrt_sharing *sharing);

/**
 * Whether all pairs were counted. Where models start many times, tensors that take turns, each
 * alive between the runs of the other, are not counted if there are too many to compare.
 *
 * Pointers:
 * `sharing` is null or a live handle.
 */
bool orionrt_sharing_is_complete(const struct orionrt_sharing *sharing);

/**
 * How many bytes two tensors may share at most; 0 if they may not, and after an error.
 *
 * Pointers:
 * `sharing` is null or a live handle; `bytes` and `error` are null or may be written to.
 */
orionrt_status orionrt_sharing_bytes(const struct orionrt_sharing *sharing,
                                     struct orionrt_model_tensor first,
                                     struct orionrt_model_tensor second,
                                     uint64_t *bytes,
                                     struct orionrt_error **error);

/**
 * Copies the pairs with most bytes to share, those first that have most, into an array with room
 * for `room` of them. `count`, which may be null, gets the number of those that were copied, 0
 * after an error. There may be as many pairs as the square of the tensors.
 *
 * Pointers:
 * `sharing` is null or a live handle; `pairs` is null or has room for so many; `count` and `error`
 * are null or may be written to.
 */
orionrt_status orionrt_sharing_copy_largest(const struct orionrt_sharing *sharing,
                                            struct orionrt_sharing_pair *pairs,
                                            size_t room,
                                            size_t *count,
                                            struct orionrt_error **error);

/**
 * Frees what was told of sharing; nothing for a null pointer.
 *
 * Pointers:
 * `sharing` is null or a live handle, and is not used any more.
 */
void orionrt_sharing_free(struct orionrt_sharing *sharing);

/**
 * Plans all models into one region, where only the two models of each pair may run at the same
 * time, in any way. No pairs: one model runs at a time. A null `planner` stands for the defaults.
 *
 * The planner's capacity holds for all models together: that is also what the best plan of an
 * error `ORIONRT_OVER_CAPACITY` is for. The position of an error counts the tensors of the model
 * that the message names, or those of all models together if it says so.
 *
 * Pointers:
 * `set` and `planner` are null or live handles; `pairs` is null or has `count` pairs; `shared` and
 * `error` are null or may be written to.
 */
orionrt_status orionrt_shared_plan_make(const struct orionrt_model_set *set,
                                        const struct orionrt_planner *planner,
                                        const struct orionrt_model_pair *pairs,
                                        size_t count,
                                        struct orionrt_shared_plan **shared,
                                        struct orionrt_error **error);

/**
 * Plans all models into one region, where each model starts at given steps of a common clock.
 * What is shared is decided tensor by tensor. `starts` has one entry for each model, in order.
 *
 * Pointers:
 * `set` and `planner` are null or live handles; `starts` is null or has `count` entries, each with
 * as many steps as it states; `shared` and `error` are null or may be written to.
 */
orionrt_status orionrt_shared_plan_make_timed(const struct orionrt_model_set *set,
                                              const struct orionrt_planner *planner,
                                              const struct orionrt_starts *starts,
                                              size_t count,
                                              struct orionrt_shared_plan **shared,
                                              struct orionrt_error **error);

/**
 * The plan of all models together, whose tensors are named `model/tensor`. It belongs to the
 * shared plan and is valid until that is freed.
 *
 * Pointers:
 * `shared` is null or a live handle.
 */
const struct orionrt_plan *orionrt_shared_plan_joint(const struct orionrt_shared_plan *shared);

/**
 * What regions of their own for all models would take together, in bytes.
 *
 * Pointers:
 * `shared` is null or a live handle.
 */
uint64_t orionrt_shared_plan_isolated_bytes(const struct orionrt_shared_plan *shared);

/**
 * A model's part of the shared plan: its own tensors in its own order, with offsets in the shared
 * region. Free it.
 *
 * Pointers:
 * `shared` is null or a live handle; `plan` and `error` are null or may be written to.
 */
orionrt_status orionrt_shared_plan_part(const struct orionrt_shared_plan *shared,
                                        size_t model,
                                        struct orionrt_plan **plan,
                                        struct orionrt_error **error);

/**
 * How many pairs of tensors of different models share bytes.
 *
 * Pointers:
 * `shared` is null or a live handle.
 */
uint64_t orionrt_shared_plan_pair_count(const struct orionrt_shared_plan *shared);

/**
 * Copies the bytes that pairs of tensors share, in order of the first byte, into an array with
 * room for `room` of them: the first ones if there are more. `count`, which may be null, gets the
 * number of those that were copied, 0 after an error.
 *
 * Pointers:
 * `shared` is null or a live handle; `ranges` is null or has room for so many; `count` and `error`
 * are null or may be written to.
 */
orionrt_status orionrt_shared_plan_copy_ranges(const struct orionrt_shared_plan *shared,
                                               struct orionrt_shared_range *ranges,
                                               size_t room,
                                               size_t *count,
                                               struct orionrt_error **error);

/**
 * Frees a shared plan; nothing for a null pointer.
 *
 * Pointers:
 * `shared` is null or a live handle, and is not used any more.
 */
void orionrt_shared_plan_free(struct orionrt_shared_plan *shared);

#if defined(ORIONRT_MODELS)
/**
 * Options with their defaults.
 */
struct orionrt_model_options *orionrt_model_options_new(void);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Sets the size of a dimension by its name, or the upper bound of one that depends on data.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `error` is null or may be written to.
 */
orionrt_status orionrt_model_options_set_dimension(struct orionrt_model_options *options,
                                                   const char *name,
                                                   uint64_t size,
                                                   struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Sets the value of an input of whole numbers that decides a shape, a branch or the number of
 * iterations: its elements in row-major order.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `values` is null or has `count` numbers; `error` is null or may be written to.
 */
orionrt_status orionrt_model_options_set_input(struct orionrt_model_options *options,
                                               const char *name,
                                               const int64_t *values,
                                               size_t count,
                                               struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Sets the least alignment of every tensor in bytes, a power of two up to 2^62.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_model_options_set_alignment(struct orionrt_model_options *options,
                                                   uint64_t bytes,
                                                   struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Sets whether tensors of unknown size are left out and listed; by default they are an error that
 * names the dimensions that are missing.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_model_options_set_skip_unknown(struct orionrt_model_options *options,
                                                      bool skip,
                                                      struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Plans only the tensors that TensorFlow Lite Micro places at given offsets, aligned to the 16
 * bytes that it expects: an alignment that was set before is replaced. It places variables and
 * bodies of control flow itself: these are left out and listed.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_model_options_set_tflite_micro(struct orionrt_model_options *options,
                                                      struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Gives up the bytes of an input of the model by its name: with `ORIONRT_ALIASING_IN_PLACE` or
 * `ORIONRT_ALIASING_PARTS`, results may be written over it, as its value is not needed after the
 * model has run; with the others it changes nothing. Reading the model fails with
 * `ORIONRT_UNKNOWN_NAME` if it has no such input, and with `ORIONRT_BAD_GRAPH` if the input is an
 * output, too.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `name` is null or ends with a
 * zero byte; `error` is null or may be written to.
 */
orionrt_status orionrt_model_options_donate(struct orionrt_model_options *options,
                                            const char *name,
                                            struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Gives up the bytes of all inputs of the model, as `orionrt_model_options_donate` does of one.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `error` is null or may be
 * written to.
 */
orionrt_status orionrt_model_options_donate_all(struct orionrt_model_options *options,
                                                struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Declares that an output of the model is the new value of an input, both by their names, as the
 * present of a key-value cache is of its past: both have one offset in every plan, whatever the
 * aliasing. Reading the model fails with `ORIONRT_UNKNOWN_NAME` if it has no such output or input,
 * and with `ORIONRT_BAD_GRAPH` where an operator may read the old value after the new one is
 * written.
 *
 * Pointers:
 * `options` is null or a live handle, and no other thread uses it; `output` and `input` are null
 * or end with a zero byte; `error` is null or may be written to.
 */
orionrt_status orionrt_model_options_alias_output(struct orionrt_model_options *options,
                                                  const char *output,
                                                  const char *input,
                                                  struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Frees options; nothing for a null pointer.
 *
 * Pointers:
 * `options` is null or a live handle, and is not used any more.
 */
void orionrt_model_options_free(struct orionrt_model_options *options);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Reads an ONNX or TensorFlow Lite file. Weights of large files and files beside it are not read.
 *
 * Pointers:
 * `path` is null or ends with a zero byte; `options` is null or a live handle; `model` and `error`
 * are null or may be written to.
 */
orionrt_status orionrt_model_read(const char *path,
                                  const struct orionrt_model_options *options,
                                  struct orionrt_model **model,
                                  struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Reads an ONNX or TensorFlow Lite model that is in memory.
 *
 * Pointers:
 * `bytes` is null or has `length` bytes; `options` is null or a live handle; `model` and `error`
 * are null or may be written to.
 */
orionrt_status orionrt_model_parse(const uint8_t *bytes,
                                   size_t length,
                                   const struct orionrt_model_options *options,
                                   struct orionrt_model **model,
                                   struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * The lifetimes of a model's tensors; `aliasing` is one of `orionrt_aliasing`. Operator *i* of the
 * file's order runs at step *i*.
 *
 * Pointers:
 * `model` is null or a live handle; `lifetimes` and `error` are null or may be written to.
 */
orionrt_status orionrt_lifetimes_from_model(const struct orionrt_model *model,
                                            uint32_t aliasing,
                                            struct orionrt_lifetimes **lifetimes,
                                            struct orionrt_error **error);
#endif

#if defined(ORIONRT_MODELS)
/**
 * How many operators a model has, those in bodies of control flow included.
 *
 * Pointers:
 * `model` is null or a live handle.
 */
size_t orionrt_model_operator_count(const struct orionrt_model *model);
#endif

#if defined(ORIONRT_MODELS)
/**
 * The bytes of the weights that a model's operators read; no plan has them.
 *
 * Pointers:
 * `model` is null or a live handle.
 */
uint64_t orionrt_model_weights_bytes(const struct orionrt_model *model);
#endif

#if defined(ORIONRT_MODELS)
/**
 * How many tensors and bodies of a model are not in its lifetimes: strings, and what has no known
 * size.
 *
 * Pointers:
 * `model` is null or a live handle.
 */
size_t orionrt_model_left_out_count(const struct orionrt_model *model);
#endif

#if defined(ORIONRT_MODELS)
/**
 * The name of something that is left out, counted from 0; it belongs to the model and is valid
 * until that is freed. No text if there are fewer.
 *
 * Pointers:
 * `model` is null or a live handle.
 */
struct orionrt_string orionrt_model_left_out_name(const struct orionrt_model *model, size_t index);
#endif

#if defined(ORIONRT_MODELS)
/**
 * Frees a model; nothing for a null pointer.
 *
 * Pointers:
 * `model` is null or a live handle, and is not used any more.
 */
void orionrt_model_free(struct orionrt_model *model);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#ifdef __cplusplus
}  // extern "C"
#endif

#endif /* ORIONRT_PLAN_H */
