#include "head/storage.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "asio/asio_loop.h"
#include "asio/worker.h"
#include "block/assert.h"
#include "block/loop.h"
#include "head/failed_file.h"
#include "head/log.h"
#include "head/open_storage.h"

namespace dst {
namespace {

/// What the storage's thread may take to answer at the limit, before its caller stops waiting for it.
constexpr std::chrono::milliseconds answer_grace{300};
/// What a failed open may take to give everything back, before that goes on in the background.
constexpr std::chrono::milliseconds undo_limit{200};

std::atomic<unsigned> background_closes{0};

}  // namespace

/// The thread and what lives on it. The thread keeps the core alive, so that an end that hangs needs nobody to wait.
/// Nobody joins the thread: after everything here has ended it may still hang on its way out, where the kernel waits
/// for calls that the thread's io_uring has under way (a flush of a disk that does not answer), although the ring was
/// given to another thread.
class Storage::Core : public std::enable_shared_from_this<Core>, public OpenStorage::Observer {
public:
    struct Opened {
        Geometry geometry;
        Id id;
    };

    Core(const spec::Storage& spec, const HeadOptions& options)
        : name_(spec.name),
          file_(spec.file),
          options_(options),
          log_(Log::shared(options.program)),
          open_(std::make_unique<OpenStorage>(loop_, spec, options, *this)),
          limit_(loop_, [this] { at_limit(); }) {}

    Result<void> start();

    Result<Opened> open(Limit limit);
    void close(Limit limit);

    AsioLoop& loop() noexcept { return loop_; }
    /// On the storage's thread.
    void set_on_data_lost(std::function<void()> lost) { data_lost_ = std::move(lost); }
    BlockDevice& root() noexcept { return open_->root(); }

private:
    /// What the thread tells those who wait for it. It outlives the core.
    struct Told {
        std::mutex mutex;
        std::condition_variable changed;
        // Under the mutex.
        std::optional<Result<Opened>> outcome;
        bool ended = false;                  ///< the thread touches nothing but this any more
        std::function<void()> nobody_waits;  ///< set: the end goes on in the background; called when it has come
    };

    // On the storage's thread.
    static void run_thread(std::shared_ptr<Core> core);
    void run();
    void on_sized() override { sized_ = true; }
    void on_serving() override { report(opened()); }
    void on_failed(const Error& why) override { report(why); }
    void on_refused(const Error& why) override;
    void on_data_lost() override {
        if (data_lost_) data_lost_();
    }
    void at_limit();
    /// Nothing goes on by itself after an open that failed.
    static std::string given_up() {
        return "The open was given up, and nothing is tried any more: when that is mended, add the LUN again";
    }
    Opened opened() const { return {open_->geometry(), open_->id()}; }
    void report(Result<Opened> outcome);
    void begin_close();

    static void tell(Log& log, const std::string& storage, Severity severity, std::string_view id,
                     const std::string& text) {
        log.write(severity, format_event(severity, id, text, {{"storage", storage}}));
    }

    const std::string name_;
    const std::string file_;
    const HeadOptions options_;
    const std::shared_ptr<Log> log_;

    AsioLoop loop_;
    std::unique_ptr<OpenStorage> open_;
    Timer limit_;
    std::function<void()> data_lost_;
    bool sized_ = false;
    bool closing_ = false;
    bool told_refused_ = false;

    const std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

Result<void> Storage::Core::start() {
    const std::string thread_name = ("dst " + name_).substr(0, 15);
    std::thread thread;
    const Result<void> started = start_thread(thread, thread_name.c_str(),
                                              [core = shared_from_this()]() mutable { run_thread(std::move(core)); });
    if (started) thread.detach();
    return started;
}

void Storage::Core::run_thread(std::shared_ptr<Core> core) {
    core->run();
    const std::shared_ptr<Told> told = core->told_;
    // Whoever waits finds everything given back, descriptors too.
    core.reset();
    const std::lock_guard guard(told->mutex);
    told->ended = true;
    told->changed.notify_all();
    if (const auto nobody_waits = std::exchange(told->nobody_waits, nullptr)) nobody_waits();
}

void Storage::Core::run() {
    loop_.run();
    limit_.stop();
    open_.reset();
}

Result<Storage::Core::Opened> Storage::Core::open(Limit limit) {
    loop_.post_from_any_thread([this, limit] {
        limit_.start(limit);
        open_->open();
    });
    std::unique_lock guard(told_->mutex);
    told_->changed.wait_for(guard, limit + answer_grace, [this] { return told_->outcome.has_value(); });
    if (told_->outcome) return *told_->outcome;
    const Error hangs{Errc::timed_out, "storage " + name_ +
                                           ": opening its media hangs; a file system or disk of this "
                                           "machine may not answer (see the kernel's log). " +
                                           given_up()};
    told_->outcome = hangs;
    guard.unlock();
    leave_failed_file(options_, name_, file_, hangs.text);
    return hangs;
}

void Storage::Core::at_limit() {
    if (sized_) return report(opened());
    const StorageStatus status = open_->status();
    const std::string reason = status.reason.empty() ? "it did not open in time" : status.reason;
    const Error why{Errc::timed_out, "storage " + name_ + ": " + reason + ". " + given_up()};
    leave_failed_file(options_, name_, file_, why.text);
    report(why);
}

/// A LUN that is there already waits: the reason is in its status.
void Storage::Core::on_refused(const Error& why) {
    if (std::exchange(told_refused_, true)) return;
    {
        const std::lock_guard guard(told_->mutex);
        if (told_->outcome) return;
    }
    leave_failed_file(options_, name_, file_, why.text);
    report(why);
}

void Storage::Core::report(Result<Opened> outcome) {
    limit_.stop();
    const bool failed = !outcome;
    {
        const std::lock_guard guard(told_->mutex);
        // Later notices, of a fenced storage too, reach its user through the root device.
        if (told_->outcome) return;
        told_->outcome = std::move(outcome);
        told_->changed.notify_all();
    }
    // An open whose failure was told must not come up afterwards.
    if (failed) begin_close();
}

void Storage::Core::begin_close() {
    if (std::exchange(closing_, true)) return;
    open_->close([this] { loop_.stop(); });
}

void Storage::Core::close(Limit limit) {
    loop_.post_from_any_thread([this] { begin_close(); });
    std::unique_lock guard(told_->mutex);
    if (told_->changed.wait_for(guard, limit, [this] { return told_->ended; })) return;
    ++background_closes;
    told_->nobody_waits = [log = log_, name = name_] {
        --background_closes;
        tell(*log, name, Severity::notice, "storage-closed-late",
             "storage " + name + ", whose end went on in the background, is closed");
    };
    tell(*log_, name_, Severity::warning, "storage-close-slow",
         "storage " + name_ + " does not end in time, a disk or node may hang; its end goes on in the background");
}

Result<std::unique_ptr<Storage>> Storage::open(const spec::Storage& spec, const HeadOptions& options, Limit limit) {
    const auto core = std::make_shared<Core>(spec, options);
    if (auto started = core->start(); !started) return started.error();
    const Result<Core::Opened> opened = core->open(limit);
    if (opened) return std::unique_ptr<Storage>(new Storage(core, opened->geometry, opened->id));
    core->close(undo_limit);
    return opened.error();
}

void Storage::close(std::unique_ptr<Storage> storage, Limit limit) {
    if (const auto core = std::exchange(storage->core_, nullptr)) core->close(limit);
}

unsigned Storage::closing_in_background() noexcept { return background_closes; }

Storage::Storage(std::shared_ptr<Core> core, const Geometry& geometry, const Id& id)
    : core_(std::move(core)), geometry_(geometry), id_(id) {}

Storage::~Storage() {
    if (core_ != nullptr) core_->close(Limit(0));
}

AsioLoop& Storage::loop() noexcept { return core_->loop(); }

BlockDevice& Storage::root() noexcept { return core_->root(); }

void Storage::set_on_data_lost(std::function<void()> lost) {
    core_->loop().post_from_any_thread([core = core_.get(), lost = std::move(lost)] { core->set_on_data_lost(lost); });
}

void Storage::run_on_loop(std::function<void()> run) { core_->loop().post_from_any_thread(std::move(run)); }

}  // namespace dst
