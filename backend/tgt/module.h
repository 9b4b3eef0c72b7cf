#pragma once

/*
 * Shared by the module's two C files, the only ones that see tgt's headers. These use GNU extensions and `new` as a
 * name, so C++ cannot include them (docs/tgt.md, trap 5).
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* tgt's headers do not include what they need: the order counts. */
/* clang-format off */
#include <list.h>
#include <util.h>
#include <tgtd.h>
#include <scsi.h>
#include <spc.h>
#include <target.h>
#include <bs_thread.h>
/* clang-format on */

#include "tgt/bridge.h"

/* Behind each logical unit (bs_datasize); tgt zeroes it. */
struct dst_unit {
    struct dst_lun* lun;    /* NULL: no storage is open */
    int write_cache_locked; /* the storage file says write_cache: off */
    uint32_t physical_block_bytes;
    int (*mode_select)(int host_no, struct scsi_cmd* cmd); /* tgt's own */
    unsigned settling;                                     /* MODE SELECTs that are under way and leave WCE off */
    int settled;                                           /* one has been answered GOOD since it went off */
    char given_id[SCSI_ID_LEN + 1]; /* the identity that this module or tgt gave; the administrator's own is kept */
    char given_serial[SCSI_SN_LEN + 1];
};

static inline struct dst_unit* dst_unit_of(struct scsi_lu* lu) { return (struct dst_unit*)((char*)lu + sizeof(*lu)); }

/* identity.c */

/* Puts the unit's own handlers and VPD pages in place; once, before a storage is opened. */
void dst_prepare_unit(struct scsi_lu* lu);
/* Makes the unit look like its storage: identity, caching page, block limits. */
void dst_describe_unit(struct scsi_lu* lu, const struct dst_properties* properties);
/* Whether an initiator or the storage file turned the write cache off. */
int dst_writes_through(struct scsi_lu* lu);
/* Sets WCE, as an initiator would. */
void dst_set_write_cache(struct scsi_lu* lu, int on);
/* Sets the bits of the operation codes that are answered. */
void dst_announce_opcodes(struct backingstore_template* bst);
/* Whether the operation code changes data. */
int dst_changes_data(uint8_t opcode);

/* module.c: carries out a command that goes to the storage. */
int dst_perform(int host_no, struct scsi_cmd* cmd);
/* module.c: tgt's MODE SELECT, and what turning off the write cache asks of the storage. */
int dst_mode_select(int host_no, struct scsi_cmd* cmd);
