#include "head/open_storage.h"

#include <optional>
#include <utility>

#include "asio/asio_loop.h"
#include "asio/file_store.h"
#include "asio/worker.h"
#include "block/assert.h"
#include "control/run_dir.h"
#include "head/control_commands.h"
#include "head/control_server.h"
#include "head/failed_file.h"
#include "head/leaves.h"
#include "head/log_events.h"
#include "head/name_lock.h"
#include "start/storage_engine.h"

namespace dst {
namespace {

/// A name that is held is asked for again for so long: a LUN that is removed and added at once finds its predecessor
/// in its last moments.
constexpr Duration name_patience = std::chrono::seconds(1);
constexpr Duration name_retry = std::chrono::milliseconds(20);
/// How often it is looked whether lock and socket still are in the run directory.
constexpr Duration run_dir_interval = std::chrono::seconds(2);
/// How often it is looked for failed opens that nobody will mend.
constexpr Duration tidy_interval = std::chrono::minutes(1);

std::string journal_path(const spec::Storage& spec, const HeadOptions& options) {
    return spec.journal.empty() ? options.state_dir + "/" + spec.name + ".journal" : spec.journal;
}

}  // namespace

/// Opens in this order: the run directory, the name, the control socket, the engine; gives back in the opposite one.
class OpenStorage::Parts : public StorageEngine::Observer {
public:
    Parts(AsioLoop& loop, spec::Storage spec, HeadOptions options, OpenStorage::Observer& observer)
        : loop_(loop),
          name_(spec.name),
          file_(options.outermost ? spec.file : ""),
          options_(std::move(options)),
          observer_(&observer),
          events_(Log::shared(options_.program), name_),
          server_(loop.context(), control::socket_path(options_.run_dir, name_),
                  [this](const boost::json::object& request) {
                      return answer_control({[this] { return status(); }, events_,
                                             [this](const Order& order) { return engine_->order(order); }},
                                            request);
                  }),
          retry_(loop, [this] { take_name(); }),
          watch_(loop, [this] { watch_run_dir(); }) {
        auto journal = std::make_unique<FileStore>(loop, journal_path(spec, options_));
        engine_ = std::make_unique<StorageEngine>(
            std::move(spec),
            EngineEnvironment{loop, events_, make_leaf_factory(loop, events_, options_), std::move(journal),
                              options_.head_and_host(), options_.outermost},
            this);
    }

    void open() {
        name_deadline_ = loop_.now() + name_patience;
        retry_.start(Duration::zero());
    }

    StorageEngine& engine() { return *engine_; }

    StorageStatus status() const {
        StorageStatus status = engine_->status();
        status.head = options_.head_name();
        if (!refusal_) return status;
        status.state = StorageState::failed;
        status.reason = refusal_->text;
        return status;
    }

    void close(std::function<void()> closed) {
        observer_ = nullptr;
        retry_.stop();
        watch_.stop();
        if (!engine_opened_) return loop_.defer([this, closed = std::move(closed)] { end(closed); });
        engine_->close([this, closed = std::move(closed)] { end(closed); });
    }

    void on_sized() override {
        remove_failed_files(options_, name_, file_);
        if (observer_ != nullptr) observer_->on_sized();
    }
    void on_serving() override {
        if (observer_ != nullptr) observer_->on_serving();
    }
    void on_failed(const Error& why) override {
        leave_failed_file(options_, name_, file_, why.text);
        if (observer_ != nullptr) observer_->on_failed(why);
    }
    void on_refused(const Error& why) override {
        if (observer_ != nullptr) observer_->on_refused(why);
    }
    void on_fenced() override {
        if (observer_ != nullptr)
            observer_->on_failed({Errc::fenced, "another head has taken storage " + name_ + " over"});
    }

    void on_data_lost() override {
        if (observer_ != nullptr) observer_->on_data_lost();
    }

private:
    void take_name() {
        if (auto made = make_run_dir(options_.run_dir); !made) return refuse(made.error());
        auto lock = NameLock::take(control::lock_path(options_.run_dir, name_), name_, options_.head_name());
        if (!lock) {
            if (lock.error().code != Errc::busy || loop_.now() >= name_deadline_) return refuse(lock.error());
            return retry_.start(name_retry);
        }
        lock_.emplace(std::move(*lock));
        if (auto started = server_.start(); !started) return refuse(started.error());
        engine_opened_ = true;
        watch_.start(run_dir_interval);
        engine_->open();
    }

    /// Somebody may clean the run directory up, or take it away, under an open storage.
    void watch_run_dir() {
        watch_.start(run_dir_interval);
        if (!tidier_ && loop_.now() - tidied_ >= tidy_interval) tidy();
        if (lock_->in_place() && server_.in_place()) return;
        const Result<void> restored = restore_run_dir();
        const std::string text = restored ? "" : restored.error().text;
        if (restored || text != std::exchange(told_lost_, text)) tell_run_dir(text);
        if (restored) told_lost_.clear();
    }

    /// Where nobody waits: it looks at storage files, which may lie on a filesystem that hangs.
    void tidy() {
        tidied_ = loop_.now();
        tidier_.emplace(loop_);
        tidier_->run([options = options_] { remove_stale_failed_files(options); }, [this](Errc) { tidier_.reset(); });
    }

    Result<void> restore_run_dir() {
        if (auto made = make_run_dir(options_.run_dir); !made) return made;
        if (!lock_->in_place()) {
            auto lock = NameLock::take(control::lock_path(options_.run_dir, name_), name_, options_.head_name());
            if (!lock) return lock.error();
            *lock_ = std::move(*lock);
        }
        return server_.start();
    }

    void tell_run_dir(const std::string& failure) {
        const std::string lost = "lock or control socket of storage " + name_ + " vanished from the run directory; ";
        events_.event(
            Severity::warning, "run-directory-lost",
            lost + (failure.empty() ? "they are made anew. Leave that directory to the heads: who takes files "
                                      "out of it makes media count as having lost writes"
                                    : "the storage serves, but dstctl cannot ask it until they can be made "
                                      "anew, which is tried again: " +
                                          failure),
            {{"directory", options_.run_dir}});
    }

    void refuse(const Error& why) {
        refusal_ = why;
        events_.event(Severity::error, "storage-open-failed", "storage " + name_ + " is not opened: " + why.text,
                      {{"code", std::string(to_token(why.code))}});
        // A name that is in use belongs to a storage that is well: its status must not show this failure.
        if (lock_) leave_failed_file(options_, name_, file_, why.text);
        if (observer_ != nullptr) observer_->on_failed(why);
    }

    void end(const std::function<void()>& closed) {
        server_.stop();
        closed();
    }

    AsioLoop& loop_;
    std::string name_;
    std::string file_;  ///< empty for a tree of a netnode file, which holds many
    HeadOptions options_;
    OpenStorage::Observer* observer_;  // null: closing
    LogEvents events_;
    std::optional<NameLock> lock_;  // outlives engine and journal
    ControlServer server_;
    std::unique_ptr<StorageEngine> engine_;
    Timer retry_;
    Timer watch_;
    TimePoint tidied_;
    std::optional<Worker> tidier_;  ///< at work
    std::string told_lost_;         ///< why the run directory could not be restored, as told last
    TimePoint name_deadline_;
    std::optional<Error> refusal_;
    bool engine_opened_ = false;
};

OpenStorage::OpenStorage(AsioLoop& loop, spec::Storage spec, HeadOptions options, Observer& observer)
    : parts_(std::make_unique<Parts>(loop, std::move(spec), std::move(options), observer)) {}

OpenStorage::~OpenStorage() = default;

void OpenStorage::open() { parts_->open(); }

BlockDevice& OpenStorage::root() { return parts_->engine().root(); }

Geometry OpenStorage::geometry() const { return parts_->engine().geometry(); }

Id OpenStorage::id() const { return parts_->engine().storage_id(); }

StorageStatus OpenStorage::status() const { return parts_->status(); }

void OpenStorage::close(std::function<void()> closed) { parts_->close(std::move(closed)); }

}  // namespace dst
