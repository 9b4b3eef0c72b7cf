#pragma once

/*
 * What the module's C files, which see tgt's headers, and its C++ part, which cannot, know of each other. Everything
 * here is called on tgtd's one thread, and no exception leaves it.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dst_lun; /* one open storage behind one logical unit */

/* What a LUN must tell the initiator of its storage. */
struct dst_properties {
    uint64_t size_bytes;
    uint32_t physical_block_bytes;
    int write_cache; /* 0: the file says write_cache: off */
    char id_hex[33]; /* the storage's id */
};

/* One SCSI command. The buffers stay valid until it is done. */
struct dst_command {
    const uint8_t* cdb;
    size_t cdb_bytes;
    void* data_in;
    uint32_t data_in_bytes;
    void* data_out;
    uint32_t data_out_bytes;
    int write_through; /* the initiator cleared WCE */
    int settle;        /* the CDB is tgt's own: done when all commands before it have ended and are durable */
    int thin;
    void* tag;
};

/* How it ended. */
struct dst_answer {
    uint8_t status;
    uint8_t sense_key;
    uint16_t sense_code;
    int has_information;
    uint64_t information;
    uint32_t in_bytes; /* lengths by the CDB, for the residuals */
    uint32_t out_bytes;
};

struct dst_callbacks {
    void (*done)(void* tag, const struct dst_answer* answer);
    void (*log)(const char* line); /* one line for tgtd's log, without a newline */
};

/*
 * Opens the storage of the YAML file `path`; at most 3 seconds. NULL: the reasons were logged and left for `dstctl
 * status`. `block_bytes`: the LUN's.
 */
struct dst_lun* dst_lun_open(const char* path, uint32_t block_bytes, const struct dst_callbacks* callbacks,
                             struct dst_properties* properties);

/* Readable when dst_lun_drain() has something to do. */
int dst_lun_fd(const struct dst_lun* lun);

/* Takes a command; done() follows from dst_lun_drain(). 0, or -1 when there is no memory or it is being closed. */
int dst_lun_submit(struct dst_lun* lun, const struct dst_command* command);

/* The logical unit that stands on it, for the module's own use; NULL: none, or not any more. */
void dst_lun_set_unit(struct dst_lun* lun, void* unit);
void* dst_lun_unit(const struct dst_lun* lun);

/* 1, once: acknowledged writes may have been lost, and every initiator must hear of it. Ask before and after
 * dst_lun_drain(). Flushes that were taken before this was asked end in an error. */
int dst_lun_take_data_lost(struct dst_lun* lun);

/* Calls done() for what has ended. 1: it was closed and the last command is back: dst_lun_free() is due. */
int dst_lun_drain(struct dst_lun* lun);

/* How often one of the two threads had to be woken for the other's sake since it was opened. */
uint64_t dst_lun_wakes(const struct dst_lun* lun);

/*
 * Ends the storage; at most 3 seconds, what takes longer goes on in the background. 1: dst_lun_free() is due. 0:
 * commands are still out, dst_lun_drain() will say when.
 */
int dst_lun_close(struct dst_lun* lun);

void dst_lun_free(struct dst_lun* lun);

#ifdef __cplusplus
}
#endif
