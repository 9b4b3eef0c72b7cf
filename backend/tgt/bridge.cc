#include "tgt/bridge.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "head/failed_file.h"
#include "head/storage.h"
#include "tgt/attachment.h"
#include "tgt/command_queue.h"
#include "tgt/signal_guard.h"
#include "yaml/load.h"

namespace {

using namespace dst;
using namespace dst::tgt;

/// tgtd serves nobody while it opens or closes a LUN (trap 3): 3 s in all, the rest is for reading the file and for
/// giving things back.
constexpr std::chrono::milliseconds open_limit{2300};
constexpr std::chrono::milliseconds close_limit{2500};
constexpr std::chrono::milliseconds refuse_limit{200};

}  // namespace

struct dst_lun {
    /// What lives on the storage's thread; other threads only carry the pointer.
    struct Endpoint {
        std::shared_ptr<Attachment> attachment;
    };

    dst_lun(std::shared_ptr<Port> port, const dst_callbacks& calls) : queue(std::move(port)), callbacks(calls) {}

    CommandQueue queue;
    dst_callbacks callbacks;
    std::unique_ptr<Storage> storage;
    std::shared_ptr<Endpoint> endpoint = std::make_shared<Endpoint>();
    void* unit = nullptr;
    std::uint32_t losses_told = 0;  ///< of the port's, those that the initiators meet as unit attentions
    bool closed = false;
};

namespace {

/// Tells every line of `reason` to tgtd's log.
void tell(const dst_callbacks& callbacks, const std::string& reason) {
    for (std::size_t at = 0; at < reason.size();) {
        const std::size_t end = std::min(reason.find('\n', at), reason.size());
        callbacks.log(("dst: " + reason.substr(at, end - at)).c_str());
        at = end + 1;
    }
}

/// The same, and leaves it for `dstctl status`.
void refuse(const dst_callbacks& callbacks, const HeadOptions& options, const std::string& storage,
            const std::string& file, std::string reason) {
    tell(callbacks, reason);
    while (!reason.empty() && reason.back() == '\n') reason.pop_back();
    leave_failed_file(options, storage, file, reason);
}

/// Empty, or why a LUN of this block size cannot stand on the storage.
std::string misfit(const Geometry& geometry, const spec::Storage& spec, std::uint32_t block_bytes) {
    if (block_bytes < geometry.logical_block_bytes) {
        return "storage " + spec.name + " has blocks of " + std::to_string(geometry.logical_block_bytes) +
               " bytes, the LUN of " + std::to_string(block_bytes) + ": add the LUN with --blocksize " +
               std::to_string(geometry.logical_block_bytes);
    }
    if (geometry.size_bytes < block_bytes) return "storage " + spec.name + " is smaller than one block of the LUN";
    return {};
}

void attach(dst_lun& lun, const spec::Storage& spec, std::uint32_t block_bytes) {
    Lun::Config config{lun.storage->geometry().size_bytes / block_bytes, block_bytes, spec.policy.write_cache};
    if (spec.policy.write_cache) config.losses = &lun.queue.port()->losses;
    // The loop and the root outlive everything that was posted before the close; the Storage object does not.
    AsioLoop& loop = lun.storage->loop();
    BlockDevice& root = lun.storage->root();
    lun.storage->set_on_data_lost([port = lun.queue.port()] {
        port->losses.fetch_add(1);
        port->tgtd_bell.ring();
    });
    lun.storage->run_on_loop([&loop, &root, config, endpoint = lun.endpoint, port = lun.queue.port()] {
        endpoint->attachment = std::make_shared<Attachment>(loop, root, config, port);
        endpoint->attachment->start();
    });
}

dst_lun* open_lun(const std::string& path, std::uint32_t block_bytes, const dst_callbacks& callbacks,
                  dst_properties& properties) {
    const HeadOptions options = HeadOptions::from_environment("tgtd");
    const std::string stem = std::filesystem::path(path).stem().string();
    if (path.empty() || path[0] != '/') {
        // tgtd works in "/": a relative path would not be what the user meant.
        refuse(callbacks, options, stem, path,
               "the storage file must be named with its whole path, not '" + path + "'");
        return nullptr;
    }
    auto loaded = yaml::load_storage(path);
    if (const auto* mistakes = std::get_if<std::vector<yaml::Mistake>>(&loaded)) {
        refuse(callbacks, options, stem, path, yaml::to_string(*mistakes));
        return nullptr;
    }
    const auto& spec = std::get<spec::Storage>(loaded);
    auto port = Port::make();
    if (!port) {
        refuse(callbacks, options, spec.name, path, to_string(port.error()));
        return nullptr;
    }
    auto lun = std::make_unique<dst_lun>(port.value(), callbacks);
    auto storage = Storage::open(spec, options, open_limit);
    if (!storage) {
        tell(callbacks, to_string(storage.error()));
        return nullptr;
    }
    const Geometry& geometry = storage.value()->geometry();
    if (const std::string why = misfit(geometry, spec, block_bytes); !why.empty()) {
        Storage::close(std::move(storage).value(), refuse_limit);
        refuse(callbacks, options, spec.name, path, why);
        return nullptr;
    }
    lun->storage = std::move(storage).value();
    properties = {};
    properties.size_bytes = geometry.size_bytes;
    properties.physical_block_bytes = geometry.physical_block_bytes;
    properties.write_cache = spec.policy.write_cache ? 1 : 0;
    const std::string id = to_string(lun->storage->id());
    id.copy(properties.id_hex, sizeof properties.id_hex - 1);
    attach(*lun, spec, block_bytes);
    return lun.release();
}

ScsiCommand::Input input_of(const dst_command& command) {
    ScsiCommand::Input input;
    std::copy_n(command.cdb, std::min(command.cdb_bytes, input.cdb.size()), input.cdb.begin());
    input.data_in = {static_cast<std::byte*>(command.data_in), command.data_in_bytes};
    input.data_out = {static_cast<std::byte*>(command.data_out), command.data_out_bytes};
    input.write_through = command.write_through != 0;
    input.settle = command.settle != 0;
    input.thin = command.thin != 0;
    input.tag = command.tag;
    return input;
}

std::uint32_t narrow(std::uint64_t bytes) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 0x7fffffff));
}

dst_answer answer_of(const ScsiCommand& command) noexcept {
    const Outcome& outcome = command.answer.outcome;
    dst_answer answer{};
    answer.status = static_cast<std::uint8_t>(outcome.status);
    answer.sense_key = static_cast<std::uint8_t>(outcome.key);
    answer.sense_code = static_cast<std::uint16_t>(outcome.code);
    answer.has_information = outcome.information ? 1 : 0;
    answer.information = outcome.information.value_or(0);
    answer.in_bytes = narrow(command.answer.in_bytes);
    answer.out_bytes = narrow(command.answer.out_bytes);
    return answer;
}

void report(const dst_callbacks& callbacks, const char* doing, const char* what) noexcept {
    char line[200];
    std::snprintf(line, sizeof line, "dst: %s failed inside the module: %s", doing, what);
    callbacks.log(line);
}

}  // namespace

extern "C" {

dst_lun* dst_lun_open(const char* path, uint32_t block_bytes, const dst_callbacks* callbacks,
                      dst_properties* properties) {
    try {
        const SignalGuard guard;
        return open_lun(path, block_bytes, *callbacks, *properties);
    } catch (const std::exception& error) {
        report(*callbacks, "opening a storage", error.what());
        return nullptr;
    }
}

int dst_lun_fd(const dst_lun* lun) { return lun->queue.port()->tgtd_bell.fd(); }

int dst_lun_submit(dst_lun* lun, const dst_command* command) {
    try {
        ScsiCommand::Input input = input_of(*command);
        input.losses_told = lun->losses_told;
        return lun->queue.submit(input) ? 0 : -1;
    } catch (const std::exception& error) {
        report(lun->callbacks, "taking a command", error.what());
        return -1;
    }
}

void dst_lun_set_unit(dst_lun* lun, void* unit) { lun->unit = unit; }

void* dst_lun_unit(const dst_lun* lun) { return lun->unit; }

int dst_lun_take_data_lost(dst_lun* lun) {
    const std::uint32_t losses = lun->queue.port()->losses.load();
    return std::exchange(lun->losses_told, losses) == losses ? 0 : 1;
}

uint64_t dst_lun_wakes(const dst_lun* lun) {
    const Port& port = *lun->queue.port();
    return port.storage_bell.rings() + port.tgtd_bell.rings();
}

int dst_lun_drain(dst_lun* lun) {
    lun->queue.drain([lun](const ScsiCommand& command) {
        const dst_answer answer = answer_of(command);
        lun->callbacks.done(command.input.tag, &answer);
    });
    return lun->closed && lun->queue.out() == 0 ? 1 : 0;
}

int dst_lun_close(dst_lun* lun) {
    lun->closed = true;
    lun->queue.close();
    try {
        const SignalGuard guard;
        lun->storage->run_on_loop([endpoint = lun->endpoint] {
            if (const auto attachment = std::exchange(endpoint->attachment, nullptr)) attachment->close();
        });
        Storage::close(std::move(lun->storage), close_limit);
        if (const unsigned left = Storage::closing_in_background(); left != 0) {
            lun->callbacks.log(("dst: storages whose end goes on in the background: " + std::to_string(left)).c_str());
        }
    } catch (const std::exception& error) {
        report(lun->callbacks, "closing a storage", error.what());
    }
    return lun->queue.out() == 0 ? 1 : 0;
}

void dst_lun_free(dst_lun* lun) { delete lun; }

}  // extern "C"
