/*
 * The heap of liborionrt.so and liborionrt.a, beyond what malloc and free say of it.
 *
 * Licensed as OrionRT is: MIT or Apache-2.0. Made by cbindgen from crates/preload; do not edit.
 *
 *   orionrt_heap_stats stats = {.size = sizeof stats};
 *   if (orionrt_heap_read_stats(&stats)) printf("%zu bytes are live\n", stats.live_bytes);
 *
 * Link a program with -lorionrt, or have the library preloaded. A program that also runs without
 * it defines ORIONRT_OPTIONAL before it includes this header, and asks whether a function is null.
 * Any function may be called from any thread, but not from a signal handler.
 */

#ifndef ORIONRT_MALLOC_H
#define ORIONRT_MALLOC_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(ORIONRT_OPTIONAL) && defined(__GNUC__)
#define ORIONRT_HEAP __attribute__((weak))
#else
#define ORIONRT_HEAP
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Counts and bytes of the heap at one moment. While other threads allocate, they may disagree with
 * each other by what those do meanwhile.
 */
typedef struct orionrt_heap_stats {
  /**
   * The size of this struct in bytes, which you set: fields beyond it are left alone.
   */
  size_t size;
  /**
   * Allocations served since the start.
   */
  uint64_t allocations;
  /**
   * Allocations given back since the start.
   */
  uint64_t deallocations;
  /**
   * Allocations refused since the start.
   */
  uint64_t failures;
  /**
   * Bytes granted to live blocks.
   */
  size_t live_bytes;
  /**
   * Bytes granted to live blocks of more than 32 KiB; a part of `live_bytes`.
   */
  size_t large_bytes;
  /**
   * Bytes of free blocks in threads' caches and in transit between threads.
   */
  size_t cached_bytes;
  /**
   * Bytes of pages in use.
   */
  size_t used_bytes;
  /**
   * The most that `used_bytes` has been.
   */
  size_t peak_bytes;
  /**
   * Bytes that may be resident: pages in use, free ones that have not gone back to the system
   * yet, and `metadata_bytes`.
   */
  size_t resident_bytes;
  /**
   * Bytes of the heap's own tables that may be resident.
   */
  size_t metadata_bytes;
  /**
   * Bytes that the system has made usable so far.
   */
  size_t committed_bytes;
  /**
   * Bytes of reserved address space.
   */
  size_t reserved_bytes;
  /**
   * The limit of `resident_bytes`; `SIZE_MAX` if there is none.
   */
  size_t limit_bytes;
  /**
   * The largest block that is served; `SIZE_MAX` if that is not limited.
   */
  size_t largest_block_bytes;
  /**
   * The most threads that used the heap at one time.
   */
  size_t thread_caches;
} orionrt_heap_stats;

/**
 * Reads the statistics into `stats`, whose `size` is set. Returns whether that is large enough to
 * hold `size` itself.
 *
 * Pointers:
 * `stats` has as many bytes as its `size` says.
 */
ORIONRT_HEAP bool orionrt_heap_read_stats(struct orionrt_heap_stats *stats);

/**
 * Gives all free memory back to the system, and returns how many bytes that were. Other threads
 * give back what they have cached when they next need more.
 */
ORIONRT_HEAP size_t orionrt_heap_purge(void);

/**
 * Limits the memory that may be resident, in bytes; `SIZE_MAX` lifts the limit. What is beyond it
 * is refused: `malloc` returns null. Free memory beyond it goes back to the system now, and what
 * is in use stays. Returns `false`, and changes nothing, if there is no memory for the heap.
 */
ORIONRT_HEAP bool orionrt_heap_set_limit(size_t bytes);

/**
 * Limits the size of a block, in bytes: at first it is the memory of the machine with its swap
 * space, and `SIZE_MAX` lifts it altogether. Blocks of up to 64 KiB are always served. Returns
 * `false`, and changes nothing, if there is no memory for the heap.
 */
ORIONRT_HEAP bool orionrt_heap_set_largest_block(size_t bytes);

/**
 * Whether an address lies in the memory of this heap. It is read, not dereferenced.
 */
ORIONRT_HEAP bool orionrt_heap_contains(const void *address);

/**
 * Writes a heap profile to a file, in pprof's format: what is live now, and all that has been
 * allocated, of the samples that `ORIONRT_PROFILE` has had taken since the program started. The
 * file is for its owner alone, and `path` is used as it is; a symbolic link is refused. Returns
 * whether that went well; if not, `errno` says why.
 *
 * Pointers:
 * `path` is null, which is refused, or a string that ends with a zero.
 */
ORIONRT_HEAP bool orionrt_heap_profile_write(const char *path);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif /* ORIONRT_MALLOC_H */
