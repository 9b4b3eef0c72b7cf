#include "storage_scenario.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr unsigned faults_before_rest = 60;

std::string state_name(StorageState state) {
    switch (state) {
        case StorageState::healthy: return "healthy";
        case StorageState::degraded: return "degraded";
        case StorageState::waiting: return "waiting";
        case StorageState::held: return "held";
        case StorageState::failed: return "failed";
        case StorageState::fenced: return "fenced";
        case StorageState::split: return "split";
    }
    return "unknown";
}

}  // namespace

StorageScenario::StorageScenario(Trace& trace)
    : trace_(trace), loop_(trace.loop()), shape_(draw_shape(trace.loop())), administrator_(trace, "dstctl") {
    rival_ = shape_.all_remote && loop_.chance(500);
    client_options_.before_verdict = [this] { judge_lost_caches(); };
    client_options_.write_through = !shape_.storage.policy.write_cache;
    client_options_.depth = static_cast<unsigned>(1 + loop_.below(12));
    client_options_.hot_bytes = (16u << 10) << loop_.below(6);
    const spec::Policy& policy = shape_.storage.policy;
    client_options_.answer_limit = policy.on_loss.give_up + 3 * policy.member_timeout + 2 * seconds(60);
    client_options_.loss = ClientOptions::Loss{policy.on_loss.hold, policy.on_loss.give_up,
                                               std::max(policy.on_loss.hold, 3 * policy.member_timeout),
                                               9 * policy.member_timeout / 4, seconds(10)};
    client_options_.seams = shape_.seams;
    if (!shape_.seams.empty()) client_options_.large_bytes_max = 80u << 20;
    client_options_.think_max = loop_.chance(200) ? milliseconds(60) : milliseconds(500);
}

StorageScenario::~StorageScenario() { trace_.on_event = nullptr; }

ScenarioResult StorageScenario::run() {
    trace_.line("scenario", shape_.text);
    world_ = std::make_unique<World>(trace_, shape_);
    faults_ = std::make_unique<Faults>(trace_, static_cast<FaultHost&>(*this));
    drops_ = std::make_unique<DropJudge>(trace_, *world_, shape_);
    sides_ = std::make_unique<SideJudge>(trace_, *world_);
    rivals_ = std::make_unique<RivalJudge>(trace_, *world_);
    mixtures_ = std::make_unique<MixtureJudge>(trace_, *world_);
    trace_.on_event = [this](const std::string& process, std::string_view id, std::string_view text, auto fields) {
        mixtures_->event(id, text, fields);
        event(process, id, fields);
    };
    if (initialise() && serve_first()) {
        break_things();
        if (!trace_.failed()) heal_and_wait();
        if (!trace_.failed()) finish();
    }
    faults_->end();
    closing_ = true;
    end_clients();
    if (!world_->shut_down()) {
        trace_.finding("progress", "a process does not end within ten minutes: " + world_->still_ending());
        // What does not end cannot be destroyed.
        static_cast<void>(world_.release());
        for (Service& service : services_) static_cast<void>(service.client.release());
    } else {
        check_clean_end();
    }
    for (const Service& service : services_) {
        if (service.client != nullptr) service.client->check_memory();
    }
    services_.clear();
    world_.reset();
    ScenarioResult result;
    result.shape = shape_.text;
    result.requests = counts_.submitted;
    result.faults = faults_->count();
    return result;
}

bool StorageScenario::initialise() {
    for (const auto& [leaf, tree] : world_->trees()) {
        if (!initialise(tree->storage, tree->machine)) return false;
    }
    for (const auto& node : world_->netnodes()) world_->start(*node);
    const std::optional<std::uint64_t> size = initialise(shape_.storage, world_->heads().front()->machine);
    if (!size) return false;
    for (const auto& [name, platter] : world_->leaves()) {
        platter->on_cache_lost = [this, leaf = name] { cache_lost(leaf); };
    }
    oracle_ = std::make_unique<Oracle>(*size);
    trace_.line("scenario", "initialised, " + std::to_string(*size) + " bytes");
    return true;
}

std::optional<std::uint64_t> StorageScenario::initialise(const spec::Storage& storage, const HeadMachine& machine) {
    TracedEvents events(trace_, "init");
    EngineEnvironment environment{loop_, events, make_leaf_factory(loop_, events, world_->network(), machine, "init"),
                                  std::make_unique<SimStore>(loop_, *machine.journal), "init"};
    Initializer initializer(storage, std::move(environment), {});
    std::optional<Result<InitReport>> report;
    initializer.run([&report](Result<InitReport> answer) { report.emplace(std::move(answer)); });
    if (!loop_.run_until([&report] { return report.has_value(); }, minutes(5))) {
        trace_.finding("progress", "init does not end");
        static_cast<void>(loop_.run_until([&report] { return report.has_value(); }, minutes(60)));
        return std::nullopt;
    }
    if (report->has_error() || !report->value().done) {
        trace_.finding("init", to_string(report->has_error() ? report->error() : report->value().error));
        return std::nullopt;
    }
    return report->value().size_bytes;
}

bool StorageScenario::serve_first() {
    start_head(*world_->heads().front());
    if (run_until([this] { return serving_head() != nullptr; }, seconds(60))) return true;
    const HeadProcess* process = world_->heads().front()->process.get();
    trace_.finding("M5", "does not serve after init: " +
                             (process->failed() ? to_string(process->failure()) : last_status_.reason));
    return false;
}

void StorageScenario::start_head(World::Head& head) {
    if (world_->ending(head) || being_left_.contains(head.machine.host)) {
        // The process before still closes the storage and holds its locks, or dstctl does. What heals says itself which
        // head starts.
        loop_.after(milliseconds(300), [this, &head, put_off = put_off_, guard = std::weak_ptr<int>(alive_)] {
            if (!guard.expired() && !closing_ && put_off == put_off_) start_head(head);
        });
        return;
    }
    if (const auto open = orders_.find(head.machine.host); open != orders_.end()) ++open->second.starts;
    if (head.process == nullptr) rivals_->head_starts(head);
    world_->start(head, shape_.storage, [this](HeadProcess& process) { head_changed(process); });
}

void StorageScenario::head_changed(HeadProcess& process) {
    if (process.serving()) head_serves(process);
    if (process.take_data_lost()) {
        trace_.coverage().count("data may be lost");
        if (Service* service = service_of(process)) service->client->data_lost();
    }
    if (process.fenced()) {
        if (Service* service = service_of(process)) service->client->stop();
    }
    if (!process.failed()) return;
    trace_.coverage().count("head failed");
    const bool again = resolve_split(process);
    if (closing_ || (healing_ && !again)) return;
    // A split, or a journal that cannot be used: the administrator starts it again. Whatever else it refuses, it looks
    // at again by itself.
    loop_.after(seconds(1), [this, again, life = process.name(), guard = std::weak_ptr<int>(alive_)] {
        if (guard.expired() || closing_ || (healing_ && !again)) return;
        for (const auto& head : world_->heads()) {
            if (head->process == nullptr || head->process->name() != life) continue;
            head_ends(*head, false);
            world_->stop(*head);
            start_head(*head);
        }
    });
}

StorageScenario::Service* StorageScenario::service_of(const HeadProcess& process) {
    for (Service& service : services_) {
        if (service.process == &process) return &service;
    }
    return nullptr;
}

// From here on no answers of heads of lower epochs count (M6). One that waited long for its journal may have been
// overtaken before it says that it serves.
void StorageScenario::head_serves(HeadProcess& process) {
    if (service_of(process) != nullptr) return;
    trace_.coverage().count("head serves");
    judge_orders(process);
    if (shape_.storage.policy.takeover == spec::Takeover::ask) {
        rivals_->head_serves(process, *process.engine().status().tree);
    }
    for (auto& [leaf, lost] : lost_caches_) lost.left = false;
    const std::uint64_t epoch = process.engine().status().epoch;
    const bool late = epoch < epoch_;
    epoch_ = std::max(epoch_, epoch);
    if (!late) first_serves_after_loss();
    for (Service& service : services_) {
        if ((service.process != nullptr || service.ending != nullptr) && !late) service.client->supersede();
    }
    Service service;
    service.process = &process;
    service.client = std::make_unique<Client>(trace_, process.name() + " client", *oracle_, counts_, client_options_);
    if (late) service.client->supersede();
    service.client->start(process.engine().root());
    services_.push_back(std::move(service));
}

void StorageScenario::head_ends(World::Head& head, bool clean) {
    // What it knew of its members decides what a lost cache means.
    const auto remember = [&] {
        if (head.process.get() == serving_head()) last_status_ = head.process->engine().status();
    };
    remember();
    Service* service = service_of(*head.process);
    if (service == nullptr) return;
    if (clean) {
        service->client->stop();
        static_cast<void>(run_until([service] { return service->client->idle(); }, minutes(4)));
        remember();
    }
    service->client->abandon();
    service->process = nullptr;
}

HeadProcess* StorageScenario::serving_head() {
    for (auto head = world_->heads().rbegin(); head != world_->heads().rend(); ++head) {
        HeadProcess* process = (*head)->process.get();
        if (process == nullptr || !process->serving() || process->stopping()) continue;
        const Service* service = service_of(*process);
        if (service != nullptr && service->client->current()) return process;
    }
    return nullptr;
}

bool StorageScenario::run_until(const std::function<bool()>& condition, Duration limit) {
    const TimePoint end = loop_.now() + limit;
    while (!trace_.failed() && loop_.now() < end) {
        const std::function<bool()> watched = [&] {
            watch_endings();
            return condition();
        };
        const bool one_ends = std::any_of(services_.begin(), services_.end(),
                                          [](const Service& service) { return service.ending != nullptr; });
        const Duration slice = std::min<Duration>(milliseconds(200), end - loop_.now());
        if (loop_.run_until(one_ends ? watched : condition, slice)) return !trace_.failed();
        look();
    }
    return false;
}

std::function<bool()> StorageScenario::now_and_then(std::function<bool()> condition) const {
    return [this, condition = std::move(condition), next = TimePoint()]() mutable {
        if (loop_.now() < next) return false;
        next = loop_.now() + milliseconds(10);
        return condition();
    };
}

void StorageScenario::look() {
    watch_endings();
    world_->reap();
    watch_status();
    look_for_foreign_labels();
    if (oracle_ != nullptr) judge_lost_caches();
    const HeadProcess* const head = serving_head();
    for (const Service& service : services_) {
        // A write waits for a journal that hangs, whoever is lost.
        const bool its =
            head != nullptr && service.process == head && last_status_.tree && !head->machine().journal->hung();
        service.client->check_answers(its && nothing_is_there(*last_status_.tree));
    }
}

void StorageScenario::watch_status() {
    for (const auto& head : world_->heads()) {
        HeadProcess* process = head->process.get();
        if (process == nullptr) continue;
        const StorageStatus status = process->engine().status();
        trace_.coverage().count("state " + state_name(status.state));
        const bool serves = serving_head() == process;
        if (!serves && (serving_head() != nullptr || !process->failed())) {
            if (last_status_.tree || !status.tree) continue;
        }
        if (status.state != last_status_.state) {
            trace_.coverage().count(state_name(last_status_.state) + " > " + state_name(status.state));
            trace_.line(process->name(), "is " + state_name(status.state) + " " + status.reason);
        }
        last_status_ = status;
        if (serves && status.tree) sides_->look(*status.tree);
        if (serves && status.tree) watch_lost_caches(*status.tree);
        if (serves && status.tree && all_in_sync(*status.tree)) forked_.clear();
    }
}

void StorageScenario::break_things() {
    const unsigned wanted = faults_min + static_cast<unsigned>(loop_.below(6));
    unsigned rest = faults_before_rest;
    while (!trace_.failed() && (faults_->count() < wanted || counts_.submitted < requests_min)) {
        const Duration pause = loop_.chance(300) ? milliseconds(50) : Duration(seconds(6));
        const TimePoint until = loop_.now() + loop_.between(Duration::zero(), pause);
        static_cast<void>(run_until([this, until] { return loop_.now() >= until; }, minutes(1)));
        if (trace_.failed()) return;
        if (faults_->count() >= rest) {
            // So many at once that hardly anything is done: it must get on when they end for a while.
            rest += faults_before_rest;
            world_->heal();
            const std::uint64_t before = counts_.submitted;
            const auto gets_on = [this, before] { return counts_.submitted > before + 20; };
            static_cast<void>(run_until(gets_on, seconds(60)));
        }
        faults_->strike();
        if (loop_.now().ns > Duration(minutes(30)).count()) {
            trace_.finding("progress", "too few requests in half an hour");
            return;
        }
    }
}

bool StorageScenario::all_in_sync(const VertexStatus& vertex) const {
    if (vertex.children.empty() && vertex.kind == VertexKind::netnode && world_->is_tree(vertex.name)) {
        const std::optional<StorageStatus> below = world_->status_of_tree(vertex.name);
        const bool serves = below && (below->state == StorageState::healthy || below->state == StorageState::degraded);
        return serves && below->tree && all_in_sync(*below->tree);
    }
    return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        const bool ours = vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync;
        return ours && all_in_sync(child);
    });
}

// Neither of the whole storage nor of a part of it can anything be asked for; nor can anything hang there.
bool StorageScenario::nothing_is_there(const VertexStatus& vertex) {
    const auto& children = vertex.children;
    if (children.empty()) return vertex.state != VertexState::up && vertex.state != VertexState::in_sync;
    return std::all_of(children.begin(), children.end(), [](const VertexStatus& child) {
        const bool left = child.state == VertexState::dirty || child.state == VertexState::resyncing;
        return left || nothing_is_there(child);
    });
}

// With what lies below exported trees; of them disks are named as in World::leaves().
VertexStatus StorageScenario::with_trees(const VertexStatus& vertex) const {
    VertexStatus whole = vertex;
    for (VertexStatus& child : whole.children) child = with_trees(child);
    if (vertex.kind != VertexKind::netnode || !world_->is_tree(vertex.name)) return whole;
    const std::optional<StorageStatus> below = world_->status_of_tree(vertex.name);
    if (!below || !below->tree) return whole;
    whole.kind = below->tree->kind;
    whole.children = below->tree->children;
    const std::string host = vertex.name.substr(0, vertex.name.find(':') + 1);
    for (VertexStatus& child : whole.children) {
        if (child.kind == VertexKind::disk) child.name = host + child.name;
    }
    return whole;
}

void StorageScenario::end_clients() {
    for (Service& service : services_) service.client->abandon();
}

}  // namespace dst::sim
