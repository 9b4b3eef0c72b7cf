/* What a logical unit shows of itself: commands, VPD pages, mode pages, identity. */
#include "tgt/module.h"

#include "tgt/limits.h"

/* SPC-4 5.13.3 and SBC-3 table 13, in tgt's bits. */
#define DST_CONFLICT_READ (PR_EA_FA | PR_EA_FN)
#define DST_CONFLICT_WRITE (PR_WE_FA | PR_EA_FA | PR_WE_FN | PR_EA_FN)

struct dst_opcode {
    uint8_t code;
    uint8_t conflicts;
    uint8_t changes;
};

/* The commands that go to the storage. tgt's own handlers for them compute lengths in 32 bits, skip checks or build
 * sense for commands that were accepted; each unit has its own table, so these are replaced (docs/tgt.md). */
static const struct dst_opcode storage_opcodes[] = {
    {READ_6, DST_CONFLICT_READ, 0},
    {READ_10, DST_CONFLICT_READ, 0},
    {READ_12, DST_CONFLICT_READ, 0},
    {READ_16, DST_CONFLICT_READ, 0},
    {VERIFY_10, DST_CONFLICT_READ, 0},
    {VERIFY_12, DST_CONFLICT_READ, 0},
    {VERIFY_16, DST_CONFLICT_READ, 0},
    {PRE_FETCH_10, DST_CONFLICT_READ, 0},
    {PRE_FETCH_16, DST_CONFLICT_READ, 0},
    {WRITE_6, DST_CONFLICT_WRITE, 1},
    {WRITE_10, DST_CONFLICT_WRITE, 1},
    {WRITE_12, DST_CONFLICT_WRITE, 1},
    {WRITE_16, DST_CONFLICT_WRITE, 1},
    {WRITE_VERIFY, DST_CONFLICT_WRITE, 1},
    {WRITE_VERIFY_12, DST_CONFLICT_WRITE, 1},
    {WRITE_VERIFY_16, DST_CONFLICT_WRITE, 1},
    {ORWRITE_16, DST_CONFLICT_WRITE, 1},
    {COMPARE_AND_WRITE, DST_CONFLICT_WRITE, 1},
    {WRITE_SAME, DST_CONFLICT_WRITE, 1},
    {WRITE_SAME_16, DST_CONFLICT_WRITE, 1},
    {UNMAP, DST_CONFLICT_WRITE, 1},
    {SYNCHRONIZE_CACHE, DST_CONFLICT_WRITE, 0},
    {SYNCHRONIZE_CACHE_16, DST_CONFLICT_WRITE, 0},
};

/* The commands that tgt's core answers. They must be in the map too: one that lacks TEST UNIT READY counts as
 * supporting everything. FORMAT UNIT is not here: the core would answer it GOOD and do nothing. */
static unsigned char core_opcodes[] = {
    ALLOW_MEDIUM_REMOVAL,
    INQUIRY,
    MAINT_PROTOCOL_IN,
    MODE_SELECT,
    MODE_SELECT_10,
    MODE_SENSE,
    MODE_SENSE_10,
    PERSISTENT_RESERVE_IN,
    PERSISTENT_RESERVE_OUT,
    READ_CAPACITY,
    RELEASE,
    REPORT_LUNS,
    REQUEST_SENSE,
    RESERVE,
    SEND_DIAGNOSTIC,
    SERVICE_ACTION_IN,
    START_STOP,
    TEST_UNIT_READY,
};

/* For operation code SERVICE ACTION IN (16): the core's READ CAPACITY (16), and GET LBA STATUS of our own, since the
 * core's looks for holes in lu->fd. Filled in by dst_prepare_unit(). */
static struct service_action service_actions[] = {
    {SAI_READ_CAPACITY_16, NULL},
    {SAI_GET_LBA_STATUS, dst_perform},
    {0, NULL},
};

void dst_announce_opcodes(struct backingstore_template* bst) {
    size_t i;

    bs_create_opcode_map(bst, core_opcodes, ARRAY_SIZE(core_opcodes));
    for (i = 0; i < ARRAY_SIZE(storage_opcodes); i++) set_bit(storage_opcodes[i].code, bst->bs_supported_ops);
}

int dst_changes_data(uint8_t opcode) {
    size_t i;

    for (i = 0; i < ARRAY_SIZE(storage_opcodes); i++)
        if (storage_opcodes[i].code == opcode) return storage_opcodes[i].changes;
    return 0;
}

/* Block limits, SBC-3 6.6.4. tgt leaves out the page's four bytes of header. */
static void update_block_limits(struct scsi_lu* lu, void* unused) {
    uint8_t* data = lu->attrs.lu_vpd[PCODE_OFFSET(0xb0)]->data;
    const uint32_t block = 1u << lu->blk_shift;
    const uint32_t physical = dst_unit_of(lu)->physical_block_bytes;
    const uint32_t granularity = physical > block ? physical / block : 1;
    const int thin = lu->attrs.thinprovisioning;

    (void)unused;
    data[0] = 0; /* WSNZ: zero blocks mean all up to the end, if that is not over the limit */
    data[1] = dst_compare_blocks_max;
    put_unaligned_be16(granularity, data + 2);
    put_unaligned_be32(dst_transfer_bytes_max / block, data + 4);
    put_unaligned_be32(dst_transfer_bytes_best / block, data + 8);
    put_unaligned_be32(thin ? dst_range_bytes_max / block : 0, data + 16);
    put_unaligned_be32(thin ? dst_unmap_descriptors_max : 0, data + 20);
    put_unaligned_be32(thin ? granularity : 0, data + 24);
    put_unaligned_be64(dst_range_bytes_max / block, data + 32);
}

void dst_prepare_unit(struct scsi_lu* lu) {
    struct device_type_operations* ops = lu->dev_type_template.ops;
    struct dst_unit* unit = dst_unit_of(lu);
    struct service_action* capacity;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(storage_opcodes); i++) {
        ops[storage_opcodes[i].code].cmd_perform = dst_perform;
        ops[storage_opcodes[i].code].pr_conflict_bits = storage_opcodes[i].conflicts;
    }
    unit->mode_select = ops[MODE_SELECT_10].cmd_perform;
    ops[MODE_SELECT].cmd_perform = dst_mode_select;
    ops[MODE_SELECT_10].cmd_perform = dst_mode_select;
    capacity = find_service_action(ops[SERVICE_ACTION_IN].service_actions, SAI_READ_CAPACITY_16);
    if (capacity && capacity->cmd_perform) service_actions[0].cmd_perform = capacity->cmd_perform;
    ops[SERVICE_ACTION_IN].service_actions = service_actions;

    lu->attrs.lu_vpd[PCODE_OFFSET(0xb0)]->vpd_update = update_block_limits;
    snprintf(unit->given_id, sizeof(unit->given_id), "%s", lu->attrs.scsi_id);
    snprintf(unit->given_serial, sizeof(unit->given_serial), "%s", lu->attrs.scsi_sn);
}

/* The same storage has the same identity behind every head. A designator that the administrator has set stays. */
static void describe_identity(struct scsi_lu* lu, const char* id_hex) {
    struct dst_unit* unit = dst_unit_of(lu);
    struct lu_phy_attr* attrs = &lu->attrs;
    uint64_t head = 0;
    int i;

    if (!strcmp(attrs->scsi_id, unit->given_id)) {
        /* T10 designator: vendor, then 28 digits. tgt makes the NAA designators of the digits and of numeric_id, whose
         * first four bits it sets itself. */
        snprintf(attrs->scsi_id, sizeof(attrs->scsi_id), "%-8s%.28s", "DST", id_hex);
        for (i = 0; i < 15; i++) {
            char digit[2] = {id_hex[i], 0};

            head = head << 4 | strtoul(digit, NULL, 16);
        }
        attrs->numeric_id = head;
        attrs->lu_vpd[PCODE_OFFSET(0x83)]->vpd_update(lu, attrs->scsi_id);
        memcpy(unit->given_id, attrs->scsi_id, sizeof(unit->given_id));
    }
    if (!strcmp(attrs->scsi_sn, unit->given_serial)) {
        snprintf(attrs->scsi_sn, sizeof(attrs->scsi_sn), "%s", id_hex);
        attrs->lu_vpd[PCODE_OFFSET(0x80)]->vpd_update(lu, attrs->scsi_sn);
        memcpy(unit->given_serial, attrs->scsi_sn, sizeof(unit->given_serial));
    }
    if (!strcmp(attrs->vendor_id, VENDOR_ID)) snprintf(attrs->vendor_id, sizeof(attrs->vendor_id), "DST");
}

/* Caching mode page, SBC-3 6.5.5: WCE is bit 2 of the page's third byte. */
static void describe_cache(struct scsi_lu* lu, int write_cache) {
    struct mode_pg* page = find_mode_page(lu, 0x08, 0);
    uint8_t mask[18] = {0};

    dst_unit_of(lu)->write_cache_locked = !write_cache;
    if (!page || page->pcode_size != sizeof(mask)) return;
    if (write_cache) {
        mask[0] = 0x04;
    } else {
        page->mode_data[0] &= ~0x04;
    }
    set_mode_page_changeable_mask(lu, 0x08, 0, mask);
}

void dst_describe_unit(struct scsi_lu* lu, const struct dst_properties* properties) {
    const uint64_t blocks = properties->size_bytes >> lu->blk_shift;

    dst_unit_of(lu)->physical_block_bytes = properties->physical_block_bytes;
    describe_identity(lu, properties->id_hex);
    describe_cache(lu, properties->write_cache);
    if (!lu->attrs.no_auto_lbppbe) update_lbppbe(lu, properties->physical_block_bytes);
    update_block_limits(lu, NULL);
    /* tgt filled in the descriptor before it knew the size. */
    put_unaligned_be32(blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks, lu->mode_block_descriptor);
}

void dst_set_write_cache(struct scsi_lu* lu, int on) {
    struct mode_pg* page = find_mode_page(lu, 0x08, 0);

    if (page) page->mode_data[0] = on ? page->mode_data[0] | 0x04 : page->mode_data[0] & ~0x04;
}

int dst_writes_through(struct scsi_lu* lu) {
    const struct mode_pg* page;

    if (dst_unit_of(lu)->write_cache_locked) return 1;
    page = find_mode_page(lu, 0x08, 0);
    return page && !(page->mode_data[0] & 0x04);
}
