#include "session.h"

#include <poll.h>

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace initiator {
namespace {

constexpr int login_timeout_s = 5;

void add_data_out(scsi_task* task, std::span<const std::byte> from) {
    if (task == nullptr) throw std::runtime_error("no memory for a task");
    scsi_task_add_data_out_buffer(task, static_cast<int>(from.size()),
                                  reinterpret_cast<unsigned char*>(const_cast<std::byte*>(from.data())));
}

Outcome outcome_of(int status, const scsi_task* task) {
    Outcome outcome;
    outcome.status = status;
    if (task != nullptr && status == SCSI_STATUS_CHECK_CONDITION) {
        outcome.sense_key = task->sense.key;
        outcome.ascq = task->sense.ascq;
    }
    return outcome;
}

}  // namespace

struct Session::Command {
    Session* session;
    Done done;
};

bool Outcome::send_again() const {
    if (status == SCSI_STATUS_BUSY || status == SCSI_STATUS_TASK_SET_FULL) return true;
    if (status != SCSI_STATUS_CHECK_CONDITION) return false;
    return sense_key == SCSI_SENSE_UNIT_ATTENTION || (sense_key == SCSI_SENSE_NOT_READY && ascq == 0x0401);
}

std::string Outcome::text() const {
    char line[64];
    std::snprintf(line, sizeof line, "status %02x sense %02x asc/q %04x", status, sense_key, ascq);
    return line;
}

Session::Session(const std::string& url, unsigned request_timeout_s) {
    try {
        log_in(url, request_timeout_s);
    } catch (...) {
        if (context_ != nullptr) iscsi_destroy_context(context_);
        throw;
    }
}

void Session::log_in(const std::string& url, unsigned request_timeout_s) {
    context_ = iscsi_create_context("iqn.2026-11.example.dst:initiator");
    if (context_ == nullptr) throw std::runtime_error("no iSCSI context");
    iscsi_url* parsed = iscsi_parse_full_url(context_, url.c_str());
    if (parsed == nullptr) throw std::runtime_error(std::string("bad URL: ") + iscsi_get_error(context_));
    lun_ = parsed->lun;
    iscsi_set_targetname(context_, parsed->target);
    iscsi_set_session_type(context_, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(context_, ISCSI_HEADER_DIGEST_NONE_CRC32C);
    // A lost connection is a finding, not something to hide.
    iscsi_set_noautoreconnect(context_, 1);
    iscsi_set_timeout(context_, login_timeout_s);
    const int connected = iscsi_full_connect_sync(context_, parsed->portal, lun_);
    iscsi_destroy_url(parsed);
    iscsi_set_timeout(context_, static_cast<int>(request_timeout_s));
    if (connected != 0) throw std::runtime_error(std::string("cannot log in: ") + iscsi_get_error(context_));
    scsi_task* task = iscsi_readcapacity16_sync(context_, lun_);
    if (task == nullptr || task->status != SCSI_STATUS_GOOD) {
        throw std::runtime_error(std::string("READ CAPACITY: ") + iscsi_get_error(context_));
    }
    const auto* capacity = static_cast<const scsi_readcapacity16*>(scsi_datain_unmarshall(task));
    if (capacity == nullptr) throw std::runtime_error("READ CAPACITY: malformed answer");
    blocks_ = capacity->returned_lba + 1;
    block_bytes_ = capacity->block_length;
    scsi_free_scsi_task(task);
}

Session::~Session() {
    if (context_ == nullptr) return;
    if (!broken_ && iscsi_is_logged_in(context_) != 0) iscsi_logout_sync(context_);
    iscsi_destroy_context(context_);
}

void Session::completed(iscsi_context*, int status, void* data, void* pointer) {
    auto* command = static_cast<Command*>(pointer);
    auto* task = static_cast<scsi_task*>(data);
    const Outcome outcome = outcome_of(status, task);
    --command->session->in_flight_;
    const Done done = std::move(command->done);
    delete command;
    if (task != nullptr) scsi_free_scsi_task(task);
    done(outcome);
}

void Session::watch(scsi_task* task, Done done, std::span<std::byte> into) {
    if (task == nullptr) throw std::runtime_error("no memory for a task");
    if (!into.empty())
        scsi_task_add_data_in_buffer(task, static_cast<int>(into.size()),
                                     reinterpret_cast<unsigned char*>(into.data()));
    ++in_flight_;
    auto* command = new Command{this, std::move(done)};
    iscsi_data out{};
    if (iscsi_scsi_command_async(context_, lun_, task, completed, &out, command) != 0) {
        delete command;
        throw std::runtime_error(std::string("cannot send: ") + iscsi_get_error(context_));
    }
}

void Session::read(std::uint64_t offset, std::span<std::byte> into, Done done) {
    scsi_task* task = scsi_cdb_read16(offset / block_bytes_, static_cast<std::uint32_t>(into.size()),
                                      static_cast<int>(block_bytes_), 0, 0, 0, 0, 0);
    watch(task, std::move(done), into);
}

void Session::write(std::uint64_t offset, std::span<const std::byte> from, bool fua, Done done) {
    scsi_task* task = scsi_cdb_write16(offset / block_bytes_, static_cast<std::uint32_t>(from.size()),
                                       static_cast<int>(block_bytes_), 0, 0, fua ? 1 : 0, 0, 0);
    add_data_out(task, from);
    watch(task, std::move(done), {});
}

void Session::flush(Done done) { watch(scsi_cdb_synchronizecache16(0, 0, 0, 0), std::move(done), {}); }

void Session::unmap(std::uint64_t offset, std::uint64_t length, Done done) {
    // SBC-3 5.28: a parameter list of one block descriptor.
    constexpr std::size_t header = 8;
    constexpr std::size_t descriptor = 16;
    auto list = std::make_shared<std::array<std::byte, header + descriptor>>();
    const auto put = [&list](std::size_t at, std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) (*list)[at + i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
    };
    put(0, header + descriptor - 2, 2);
    put(2, descriptor, 2);
    put(8, offset / block_bytes_, 8);
    put(16, length / block_bytes_, 4);
    scsi_task* task = scsi_cdb_unmap(0, 0, static_cast<std::uint16_t>(list->size()));
    add_data_out(task, *list);
    watch(task, [list, done = std::move(done)](const Outcome& outcome) { done(outcome); }, {});
}

void Session::write_same(std::uint64_t offset, std::uint64_t length, std::span<const std::byte> block, Done done) {
    scsi_task* task =
        scsi_cdb_writesame16(0, 0, 0, offset / block_bytes_, 0, static_cast<std::uint32_t>(length / block_bytes_),
                             static_cast<std::uint32_t>(block.size()));
    add_data_out(task, block);
    watch(task, std::move(done), {});
}

/// The page belongs to the task.
scsi_task* Session::caching_page(scsi_mode_page*& page) {
    scsi_task* sense = nullptr;
    int tries = 0;
    do {
        if (sense != nullptr) scsi_free_scsi_task(sense);
        sense = iscsi_modesense10_sync(context_, lun_, 0, 1, SCSI_MODESENSE_PC_CURRENT, SCSI_MODEPAGE_CACHING, 0, 255);
    } while (sense != nullptr && ++tries < 100 && outcome_of(sense->status, sense).send_again());
    if (sense == nullptr || sense->status != SCSI_STATUS_GOOD) {
        throw std::runtime_error(std::string("MODE SENSE: ") + iscsi_get_error(context_));
    }
    auto* modes = static_cast<scsi_mode_sense*>(scsi_datain_unmarshall(sense));
    page = modes == nullptr ? nullptr : scsi_modesense_get_page(modes, SCSI_MODEPAGE_CACHING, 0);
    if (page == nullptr) throw std::runtime_error("MODE SENSE: no caching page");
    return sense;
}

bool Session::write_cache() {
    scsi_mode_page* page = nullptr;
    scsi_task* const sense = caching_page(page);
    const bool on = page->caching.wce != 0;
    scsi_free_scsi_task(sense);
    return on;
}

Outcome Session::set_write_cache(bool on, bool six) {
    scsi_mode_page* page = nullptr;
    scsi_task* const sense = caching_page(page);
    page->ps = 0;  // reserved for MODE SELECT
    page->caching.wce = on ? 1 : 0;
    scsi_task* const select =
        six ? iscsi_modeselect6_sync(context_, lun_, 1, 0, page) : iscsi_modeselect10_sync(context_, lun_, 1, 0, page);
    scsi_free_scsi_task(sense);
    if (select == nullptr) throw std::runtime_error(std::string("MODE SELECT: ") + iscsi_get_error(context_));
    const Outcome outcome = outcome_of(select->status, select);
    scsi_free_scsi_task(select);
    return outcome;
}

void Session::poll(int timeout_ms) {
    pollfd descriptor{iscsi_get_fd(context_), static_cast<short>(iscsi_which_events(context_)), 0};
    if (::poll(&descriptor, 1, timeout_ms) < 0 && errno != EINTR) throw std::runtime_error("poll failed");
    if (iscsi_service(context_, descriptor.revents) < 0) {
        broken_ = true;
        throw std::runtime_error(std::string("connection lost: ") + iscsi_get_error(context_));
    }
}

}  // namespace initiator
