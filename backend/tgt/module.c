/*
 * The tgt module: registers backing-store type "dst" and carries commands between tgtd and the storage's thread.
 * Everything here runs on tgtd's one thread.
 */
#include "tgt/module.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* The layouts that this file relies on, as tgt 1.0.85 has them: another one must not build. list.h's offsetof is no
 * constant to clang. */
_Static_assert(sizeof(struct backingstore_template) == 112, "struct backingstore_template");
_Static_assert(__builtin_offsetof(struct backingstore_template, bs_supported_ops) == 64,
               "struct backingstore_template");
_Static_assert(sizeof(struct device_type_operations) == 24, "struct device_type_operations");
_Static_assert(sizeof(struct scsi_lu) == 7608, "struct scsi_lu");
_Static_assert(__builtin_offsetof(struct scsi_lu, blk_shift) == 44, "struct scsi_lu");
_Static_assert(__builtin_offsetof(struct scsi_lu, attrs) == 6376, "struct scsi_lu");
_Static_assert(sizeof(struct scsi_cmd) == 480, "struct scsi_cmd");
_Static_assert(__builtin_offsetof(struct scsi_cmd, scb) == 144, "struct scsi_cmd");

/* tgt cuts its log lines at 256 bytes. */
#define LOG_PIECE 180

/* The id of no initiator's connection: all of them are meant. */
#define NO_NEXUS UINT64_MAX

static void write_log(const char* line) {
    do {
        eprintf("%.*s\n", LOG_PIECE, line);
        line += strnlen(line, LOG_PIECE);
    } while (*line);
}

static int refuse(struct scsi_cmd* cmd, uint8_t key, uint16_t asc) {
    scsi_set_in_resid_by_actual(cmd, 0);
    scsi_set_out_resid_by_actual(cmd, 0);
    sense_data_build(cmd, key, asc);
    return SAM_STAT_CHECK_CONDITION;
}

static int submit_as(struct scsi_cmd* cmd, int settle) {
    struct dst_unit* unit = dst_unit_of(cmd->dev);
    struct dst_command command;

    if (!unit->lun) return -ENODEV;
    command.cdb = cmd->scb;
    command.cdb_bytes = cmd->scb_len > 0 ? (size_t)cmd->scb_len : 0;
    command.data_in = scsi_get_in_buffer(cmd);
    command.data_in_bytes = command.data_in ? scsi_get_in_length(cmd) : 0;
    command.data_out = scsi_get_out_buffer(cmd);
    command.data_out_bytes = command.data_out ? scsi_get_out_length(cmd) : 0;
    command.write_through = dst_changes_data(cmd->scb[0]) && dst_writes_through(cmd->dev);
    command.settle = settle;
    command.thin = cmd->dev->attrs.thinprovisioning;
    command.tag = cmd;
    if (dst_lun_submit(unit->lun, &command)) return -ENOMEM;
    set_cmd_async(cmd);
    return 0;
}

static int submit(struct scsi_cmd* cmd) { return submit_as(cmd, 0); }

int dst_mode_select(int host_no, struct scsi_cmd* cmd) {
    struct scsi_lu* lu = cmd->dev;
    struct dst_unit* unit = dst_unit_of(lu);
    const int was_off = dst_writes_through(lu);
    const int status = unit->mode_select(host_no, cmd);

    if (!unit->lun || unit->write_cache_locked) return status;
    if (status != SAM_STAT_GOOD) {
        /* tgt has set what came before the mistake. */
        dst_set_write_cache(lu, !was_off);
        return status;
    }
    if (!dst_writes_through(lu)) return status;
    if (!was_off && unit->settling) {
        /* One from before it was on again must not answer for this one. */
        dst_set_write_cache(lu, 1);
        return SAM_STAT_BUSY;
    }
    /* What was written before the cache went off, or is under way, is durable when that is answered (SBC-3 6.5.5, WCE).
     * Also when it was off already: another one that turned it off may not have been answered yet. */
    if (!was_off) unit->settled = 0;
    if (submit_as(cmd, 1)) {
        dst_set_write_cache(lu, !was_off);
        return refuse(cmd, HARDWARE_ERROR, ASC_INTERNAL_TGT_FAILURE);
    }
    unit->settling++;
    return SAM_STAT_GOOD;
}

/* One that failed has changed nothing: whoever finds the cache off would not flush what it wrote
 * before. */
static void settle_done(struct scsi_cmd* cmd, uint8_t status) {
    struct scsi_lu* lu = cmd->dev;
    struct dst_unit* unit = dst_unit_of(lu);

    unit->settling--;
    if (status == SAM_STAT_GOOD) unit->settled = 1;
    if (unit->settled || unit->settling || unit->write_cache_locked || !dst_writes_through(lu)) return;
    dst_set_write_cache(lu, 1);
    ua_sense_add_other_it_nexus(NO_NEXUS, lu, ASC_MODE_PARAMETERS_CHANGED);
}

int dst_perform(int host_no, struct scsi_cmd* cmd) {
    struct scsi_lu* lu = cmd->dev;

    (void)host_no;
    if (device_reserved(cmd)) return SAM_STAT_RESERVATION_CONFLICT;
    if (!lu->attrs.online || !dst_unit_of(lu)->lun)
        return refuse(cmd, NOT_READY, lu->attrs.removable ? ASC_MEDIUM_NOT_PRESENT : ASC_BECOMING_READY);
    if ((lu->attrs.readonly || lu->attrs.swp) && dst_changes_data(cmd->scb[0]))
        return refuse(cmd, DATA_PROTECT, ASC_WRITE_PROTECT);
    if (submit(cmd)) return refuse(cmd, HARDWARE_ERROR, ASC_INTERNAL_TGT_FAILURE);
    return SAM_STAT_GOOD;
}

static void command_done(void* tag, const struct dst_answer* answer) {
    struct scsi_cmd* cmd = tag;

    /* tgt may have built sense while the command was under way; a GOOD status must carry none. */
    memset(cmd->sense_buffer, 0, sizeof(cmd->sense_buffer));
    cmd->sense_len = 0;
    scsi_set_in_resid_by_actual(cmd, answer->in_bytes);
    scsi_set_out_resid_by_actual(cmd, answer->out_bytes);
    if (answer->status == SAM_STAT_CHECK_CONDITION) {
        if (answer->has_information)
            sense_data_build_with_info(cmd, answer->sense_key, answer->sense_code, answer->information);
        else
            sense_data_build(cmd, answer->sense_key, answer->sense_code);
    }
    if (cmd->scb[0] == MODE_SELECT || cmd->scb[0] == MODE_SELECT_10) settle_done(cmd, answer->status);
    target_cmd_io_done(cmd, answer->status);
}

static const struct dst_callbacks callbacks = {
    .done = command_done,
    .log = write_log,
};

static void forget(struct dst_lun* lun) {
    tgt_event_del(dst_lun_fd(lun));
    dst_lun_free(lun);
}

/* M10: unit attention, power on occurred (SPC-4, 5.14), once to every initiator: what was not flushed may be lost. */
static void tell_data_lost(struct dst_lun* lun) {
    struct scsi_lu* lu = dst_lun_unit(lun);

    if (lu && dst_lun_take_data_lost(lun)) ua_sense_add_other_it_nexus(NO_NEXUS, lu, ASC_POWERON_RESET);
}

static void on_answers(int fd, int events, void* data) {
    struct dst_lun* lun = data;

    (void)fd;
    (void)events;
    /* Before the answers: what an initiator sends after it has seen one meets the unit attention. */
    tell_data_lost(lun);
    if (dst_lun_drain(lun)) {
        forget(lun);
        return;
    }
    /* One that came while answers were taken did not ring. */
    tell_data_lost(lun);
}

static int dst_bs_open(struct scsi_lu* lu, char* path, int* fd, uint64_t* size) {
    struct dst_unit* unit = dst_unit_of(lu);
    struct dst_properties properties;
    struct dst_lun* lun;

    /* Loading a medium (target.c, dtd_load_unload) looks at the descriptor alone, not at what is returned. */
    *fd = -1;
    *size = 0;
    if (unit->lun) return -EBUSY;
    lun = dst_lun_open(path, 1u << lu->blk_shift, &callbacks, &properties);
    if (!lun) return -EINVAL;
    if (tgt_event_add(dst_lun_fd(lun), EPOLLIN, on_answers, lun)) {
        write_log("dst: tgtd does not take the module's event descriptor");
        dst_lun_close(lun);
        dst_lun_free(lun);
        return -ENOMEM;
    }
    unit->lun = lun;
    dst_lun_set_unit(lun, lu);
    dst_describe_unit(lu, &properties);
    /* Never 0, which would be somebody else's; nothing of tgt reads or closes it. */
    *fd = dst_lun_fd(lun);
    *size = properties.size_bytes >> lu->blk_shift << lu->blk_shift;
    return 0;
}

static void dst_bs_close(struct scsi_lu* lu) {
    struct dst_unit* unit = dst_unit_of(lu);
    struct dst_lun* lun = unit->lun;

    unit->lun = NULL;
    if (lun) dst_lun_set_unit(lun, NULL);
    /* With commands still out (an exchanged medium), on_answers() ends it when the last one is back. */
    if (lun && dst_lun_close(lun)) forget(lun);
}

static tgtadm_err dst_bs_init(struct scsi_lu* lu, char* bsopts) {
    (void)bsopts;
    if (lu->attrs.device_type != TYPE_DISK) {
        write_log("dst: only disks can stand on a storage: leave out --device-type, or say disk");
        return TGTADM_INVALID_REQUEST;
    }
    dst_prepare_unit(lu);
    return TGTADM_SUCCESS;
}

static void dst_bs_exit(struct scsi_lu* lu) { dst_bs_close(lu); }

static struct backingstore_template dst_bst = {
    .bs_name = "dst",
    .bs_datasize = sizeof(struct dst_unit),
    .bs_init = dst_bs_init,
    .bs_exit = dst_bs_exit,
    .bs_open = dst_bs_open,
    .bs_close = dst_bs_close,
    .bs_cmd_submit = submit,
};

/* tgt's structures carry no version. Its own "rdwr" tells whether they lie as this file was compiled to see them. */
static int layout_fits(void) {
    const struct backingstore_template* stock = get_backingstore_template("rdwr");

    return stock && stock->bs_datasize == (int)sizeof(struct bs_thread_info) &&
           stock->bs_cmd_submit == bs_thread_cmd_submit && test_bit(TEST_UNIT_READY, stock->bs_supported_ops) &&
           test_bit(WRITE_SAME_16, stock->bs_supported_ops) && !test_bit(WRITE_BUFFER, stock->bs_supported_ops);
}

__attribute__((visibility("default"))) void register_bs_module(void);

void register_bs_module(void) {
    if (!layout_fits()) {
        write_log("dst: this tgtd is not the version that bs_dst.so was built for; the module is not used");
        return;
    }
    dst_announce_opcodes(&dst_bst);
    register_backingstore_template(&dst_bst);
}
