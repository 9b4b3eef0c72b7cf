#include <algorithm>
#include <string>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "session/server_session_impl.h"

namespace dst {
namespace {

/// For a medium that is opened while a peer waits for its OPEN; shorter than heads wait for the answer.
constexpr Duration open_limit = std::chrono::seconds(3);

}  // namespace

void ServerSessionImpl::handle_hello(Work& work) {
    const Result<wire::Hello> hello = wire::decode_hello({work.piece.data, work.piece.size});
    if (!hello) {
        release(work);
        return protocol_failure(hello.error());
    }
    if (hello->version_min > wire::protocol_version || hello->version_max < wire::protocol_version) {
        const std::string text = "this netnode speaks protocol version " + std::to_string(wire::protocol_version);
        report(Severity::warning, "protocol-error", who() + " speaks no version that is known here; it is refused");
        answer_error(work, {Errc::not_supported, text});
        return finish({}, false);
    }
    wire::Hello chosen;
    chosen.version_min = chosen.version_max = wire::protocol_version;
    chosen.features = hello->features & wire::known_features;
    chosen.program = std::string(std::string_view(limits_.program).substr(0, wire::name_bytes_max));
    checksums_ = (chosen.features & wire::feature_payload_checksum) != 0;
    reader_.set_payload_checksums(checksums_);
    state_ = State::open;
    answer_text(work, Errc::ok, wire::encode(chosen));
}

void ServerSessionImpl::handle_open(Work& work) {
    Result<wire::Open> decoded = wire::decode_open({work.piece.data, work.piece.size});
    if (!decoded) {
        release(work);
        return protocol_failure(decoded.error());
    }
    open_ = std::move(*decoded);
    // They go into log lines.
    for (std::string* text : {&open_.export_name, &open_.place, &open_.head}) {
        *text = wire::printable_reason(std::as_bytes(std::span(*text)));
    }
    opener = who();
    const Result<Medium*> found = exports_.find(open_.export_name, peer_);
    if (!found) return refuse_open(work, found.error());
    Medium& medium = **found;
    const bool being_opened = !medium.up() && medium.last_error().code == Errc::ok;
    if (!medium.up() && !being_opened) return refuse_not_there(work, medium);
    state_ = State::opening;
    medium_ = &medium;
    connection = open_.connection;
    medium_->attach(*this);
    being_opened ? wait_until_up(work) : end_earlier_and_open(work);
}

/// Requests of an earlier connection of the same head end first.
void ServerSessionImpl::end_earlier_and_open(Work& work) {
    if (open_.replaces.is_nil() || broken(Rule::m14_old_ended)) return look_and_open(work);
    ++running_;
    medium_->replace(*this, open_.replaces, [this, &work](Result<void> result) { replaced(work, result); });
}

void ServerSessionImpl::replaced(Work& work, const Result<void>& result) {
    --running_;
    if (state_ != State::opening) {
        release(work);
        return work_ended();
    }
    if (!result) {
        refuse_open(work, result.error());
    } else {
        look_and_open(work);
    }
    work_ended();
}

/// What is open gives way here to what lies in its place now (Medium::peek), and a label that the disk did not read
/// before may be readable by now; a head that comes back to its medium needs neither.
void ServerSessionImpl::look_and_open(Work& work) {
    if (is_expected()) return continue_open(work);
    looked_ = true;
    looking_work_ = &work;
    ++running_;
    medium_->peek(*this, [this](const Result<Peek>& seen) {
        --running_;
        if (state_ != State::opening) {
            release(*std::exchange(looking_work_, nullptr));
        } else if (seen) {
            continue_open(*std::exchange(looking_work_, nullptr));
        } else if (medium_->up()) {
            refuse_open(*std::exchange(looking_work_, nullptr), seen.error());
        } else {
            wait_until_up(*looking_work_);
        }
        work_ended();
    });
}

/// A netnode that has just been started opens its media for the first time, or the medium is opened anew.
void ServerSessionImpl::wait_until_up(Work& work) {
    looking_work_ = &work;
    open_timer_.start(open_limit);
}

void ServerSessionImpl::on_medium_up() {
    if (state_ != State::opening || !open_timer_.running()) return;
    open_timer_.stop();
    Work& work = *std::exchange(looking_work_, nullptr);
    looked_ ? continue_open(work) : end_earlier_and_open(work);
}

void ServerSessionImpl::not_opened() {
    Work& work = *std::exchange(looking_work_, nullptr);
    // Told to end meanwhile.
    if (state_ != State::opening) return release(work);
    refuse_not_there(work, *medium_);
}

void ServerSessionImpl::refuse_not_there(Work& work, const Medium& medium) {
    const Error& why = medium.last_error();
    refuse_open(work, {Errc::not_ready, why.code == Errc::ok ? "its medium is still being opened"
                                                             : "its medium is not there: " + why.text});
}

/// A label that names another storage or place than the head does.
bool ServerSessionImpl::is_elsewhere(const Label& label) const {
    return !open_.storage.is_nil() && !open_.place.empty() &&
           (label.storage != open_.storage || label.place != open_.place);
}

/// The medium is promised to the epoch that the head names, in its place.
bool ServerSessionImpl::is_expected() const {
    const Label* label = medium_->label();
    return label != nullptr && label->promised == open_.epoch && !is_elsewhere(*label);
}

void ServerSessionImpl::continue_open(Work& work) {
    wire::OpenAnswer answer;
    if (!open_.epoch.none()) {
        const Label* label = medium_->label();
        // Before the epoch is looked at: all media of a storage are promised the same one.
        if (label != nullptr && is_elsewhere(*label)) {
            return refuse_open(work, {Errc::refused, "expected is place " + open_.place + " of storage " +
                                                         short_string(open_.storage) + ", there is place " +
                                                         label->place + " of storage " + label->storage_name + " (" +
                                                         short_string(label->storage) + ")"});
        }
        const Errc code = medium_->adopt_epoch(*this, open_.epoch);
        answer.epoch_accepted = code == Errc::ok;
        // A label that never saw this epoch (blank, foreign, put back from a copy) is for the head to look at: it may
        // peek and read, and writes nothing.
        if (code != Errc::ok && code != Errc::refused) {
            const std::string text = code == Errc::fenced ? "a newer head has taken over" : "not now";
            return refuse_open(work, {code, text});
        }
    }
    answer.geometry = medium_->geometry();
    answer.label_state = medium_->label_state();
    if (const Label* label = medium_->label()) answer.medium = label->medium;
    answer.incarnation = medium_->incarnation();
    answer.requests_max = limits_.requests_max;
    answer.request_bytes_max = limits_.request_bytes_max;
    answer.range_bytes_max = wire::range_bytes_max;
    answer.buffer_bytes_max = limits_.buffer_bytes_max;
    state_ = State::serving;
    heard_ = loop_.now();
    report(Severity::info, "session-opened",
           who() + " has opened " + open_.export_name + " with epoch " + std::to_string(epoch.number));
    answer_text(work, Errc::ok, wire::encode(answer));
    receive_task_.post();
}

void ServerSessionImpl::refuse_open(Work& work, const Error& why) {
    report(Severity::info, "session-refused",
           who() + " may not open " + open_.export_name + " now: " + to_string(why) + "; it may ask again");
    answer_error(work, {why.code, open_.export_name + ": " + why.text});
    finish({}, false);
}

void ServerSessionImpl::fence(const Epoch& by, std::function<void()> ended) {
    fence_ended_.push_back(std::move(ended));
    if (by == epoch) {
        report(Severity::info, "session-replaced", who() + " has come back to " + open_.export_name + " anew");
        cut();
    } else if (!fenced_) {
        fenced_ = true;
        // One that is closing already sends no request that could be refused.
        if (state_ != State::serving) return check_fenced();
        report(Severity::notice, "session-fenced",
               who() + " is fenced on " + open_.export_name + ": epoch " + std::to_string(by.number) +
                   " was promised to another head; its requests are refused from now on");
    }
    check_fenced();
}

void ServerSessionImpl::check_fenced() {
    if (running_ > 0) return;
    for (auto& ended : fence_ended_) loop_.defer(std::move(ended));
    fence_ended_.clear();
}

void ServerSessionImpl::on_medium_down(const Error& why) {
    if (state_ >= State::finishing) return;
    // What is looked at for an OPEN may be opened anew for it.
    if (state_ == State::opening && looking_work_ != nullptr) {
        if (!looked_ && open_timer_.running()) open_timer_.start({});
        return;
    }
    report(Severity::warning, "session-medium-lost",
           "the medium of " + open_.export_name + " went down (" + why.text + "); " + who() + " is told so");
    finish({Errc::disconnected, open_.export_name + ": its medium went down: " + why.text}, true);
}

}  // namespace dst
