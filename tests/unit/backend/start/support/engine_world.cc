#include "support/engine_world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "media/label_area.h"
#include "media/layout.h"
#include "media/local_leaf.h"
#include "start/order.h"

namespace dst {
namespace {

/// Heads that died: their objects are never destroyed, as their process never ended in order.
std::vector<std::unique_ptr<EngineWorld::Head>>& graveyard() {
    // Not destroyed at exit either: what they ran on is gone by then.
    static auto* const dead = new std::vector<std::unique_ptr<EngineWorld::Head>>();
    return *dead;
}

/// A medium that may say, as a netnode does, that another head is alive on it, or that it is the same as another.
class SharedLeaf : public LocalLeaf {
public:
    SharedLeaf(Loop& loop, EventSink& events, std::unique_ptr<RawMedium> medium, const EngineWorld& world)
        : LocalLeaf(loop, events, std::move(medium)), world_(world) {}

    void peek(Callback<Peek> done) override {
        LocalLeaf::peek([live = world_.live_elsewhere, head_on = world_.head_on, one = world_.one_medium,
                         done = std::move(done)](const Result<Peek>& peek) {
            if (!peek) return done(peek);
            Peek seen = *peek;
            if (live) seen.live = LiveHead{served(seen), "tgtd[7] on alpha"};
            const Result<Label> label = decode_label(seen.label);
            const std::optional<Epoch> its = head_on && label ? head_on(*label) : std::nullopt;
            if (its) seen.live = LiveHead{*its, "tgtd[7] on alpha"};
            if (one) seen.incarnation = Incarnation{Id{{9}}};
            done(seen);
        });
    }

private:
    static Epoch served(const Peek& peek) {
        const Result<Label> label = decode_label(peek.label);
        return label ? label->served : Epoch{1, Id{{7}}};
    }

    const EngineWorld& world_;
};

}  // namespace

spec::Node disk_node(const std::string& path) {
    spec::Node node;
    node.name = path;
    node.what = spec::Disk{path};
    return node;
}

spec::Node mirror_node(const std::string& name, std::vector<spec::Node> members) {
    spec::Node node;
    node.name = name;
    node.what = spec::Mirror{std::nullopt, std::move(members)};
    return node;
}

spec::Node linear_node(const std::string& name, std::vector<spec::Node> children) {
    spec::Node node;
    node.name = name;
    node.what = spec::Linear{std::move(children)};
    return node;
}

spec::Node two_disks() { return mirror_node("m0", {disk_node("/a"), disk_node("/b")}); }

EngineWorld::EngineWorld(spec::Node tree, std::uint64_t seed) : loop(seed) {
    storage.name = "vol0";
    storage.tree = std::move(tree);
}

EngineWorld::~EngineWorld() {
    for (const auto& head : heads_) {
        if (head && head->engine) close(*head);
    }
}

sim::SimPlatter& EngineWorld::platter(const std::string& path) {
    if (!platters_.contains(path)) add_platter(path, {});
    return *platters_.at(path);
}

void EngineWorld::add_platter(const std::string& path, const sim::SimPlatterOptions& options) {
    platters_[path] = std::make_unique<sim::SimPlatter>(loop, options);
}

sim::SimStoreFile& EngineWorld::journal(const std::string& name) {
    if (!journals_.contains(name)) {
        Id machine;
        for (std::size_t i = 0; i < std::min<std::size_t>(name.size(), 16); ++i) {
            machine.bytes[i] = static_cast<std::uint8_t>(name[i]);
        }
        journals_[name] = std::make_unique<sim::SimStoreFile>(loop, name, machine);
    }
    return *journals_.at(name);
}

EngineEnvironment EngineWorld::environment(const std::string& journal_name) {
    auto make_leaf = [this](const spec::Node& node) -> std::unique_ptr<Leaf> {
        const std::string& path = std::get<spec::Disk>(node.what).path;
        return std::make_unique<SharedLeaf>(loop, events, std::make_unique<sim::SimDisk>(loop, platter(path), path),
                                            *this);
    };
    return {loop,         events,   make_leaf, std::make_unique<sim::SimStore>(loop, journal(journal_name)),
            journal_name, outermost};
}

Result<InitReport> EngineWorld::try_init(const InitOptions& options) {
    Initializer initializer(storage, environment("head0"), options);
    std::optional<Result<InitReport>> report;
    initializer.run([&](Result<InitReport> done) { report = std::move(done); });
    EXPECT_TRUE(loop.run_until([&] { return report.has_value(); }, std::chrono::minutes(1)));
    if (!report) return Error{Errc::timed_out, "init did not end"};
    return *report;
}

InitReport EngineWorld::init(const InitOptions& options) {
    const auto report = try_init(options);
    EXPECT_TRUE(report) << (report ? "" : to_string(report.error()));
    return report ? *report : InitReport{};
}

EngineWorld::Head& EngineWorld::open(const std::string& journal_name) {
    heads_.push_back(std::make_unique<Head>());
    Head& head = *heads_.back();
    head.engine = std::make_unique<StorageEngine>(storage, environment(journal_name), &head);
    head.engine->open();
    return head;
}

EngineWorld::Head& EngineWorld::serve(const std::string& journal_name, Duration limit) {
    Head& head = open(journal_name);
    EXPECT_TRUE(loop.run_until([&] { return head.serving > 0; }, limit))
        << head.engine->status().reason << (head.failed ? to_string(*head.failed) : "");
    return head;
}

void EngineWorld::close(Head& head) {
    bool closed = false;
    head.engine->close([&] { closed = true; });
    EXPECT_TRUE(loop.run_until([&] { return closed; }, std::chrono::minutes(2)));
    if (closed) head.engine.reset();
}

void EngineWorld::crash(Head& head) {
    for (const auto& [path, platter] : platters_) platter->crash();
    for (const auto& [name, file] : journals_) file->crash();
    const auto at = std::find_if(heads_.begin(), heads_.end(), [&](const auto& each) { return each.get() == &head; });
    graveyard().push_back(std::move(*at));
    heads_.erase(at);
}

Errc EngineWorld::run(Head& head, Request& request) {
    bool done = false;
    request.owner = &done;
    request.done = [](Request& ended) { *static_cast<bool*>(ended.owner) = true; };
    head.engine->root().submit(request);
    EXPECT_TRUE(loop.run_until([&] { return done; }, std::chrono::minutes(10)));
    return request.result;
}

Errc EngineWorld::write(Head& head, std::uint64_t offset, const Bytes& bytes, bool fua) {
    Bytes copy = bytes;
    const Piece piece{copy.data(), copy.size()};
    Request request;
    request.operation = Operation::write;
    request.fua = fua;
    request.extent = {offset, bytes.size()};
    request.pieces = Pieces(&piece, 1);
    return run(head, request);
}

Errc EngineWorld::read(Head& head, std::uint64_t offset, Bytes& bytes) {
    const Piece piece{bytes.data(), bytes.size()};
    Request request;
    request.extent = {offset, bytes.size()};
    request.pieces = Pieces(&piece, 1);
    return run(head, request);
}

Errc EngineWorld::flush(Head& head) {
    Request request;
    request.operation = Operation::flush;
    return run(head, request);
}

Bytes EngineWorld::pattern(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    unsigned state = seed * 2654435761u + 1;
    for (std::byte& byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

std::optional<Label> EngineWorld::label_of(const std::string& path) {
    // The newer of the two slots, read past everybody.
    const std::uint64_t end = platter(path).geometry().size_bytes / 4096 * 4096;
    std::optional<Label> newest;
    for (std::uint64_t offset = end - label_area_bytes; offset < end; offset += 4096) {
        const Bytes slot = platter(path).read({offset, 4096});
        LabelImage image;
        std::copy(slot.begin(), slot.end(), image.begin());
        auto label = decode_label(image);
        if (label && (!newest || newest->sequence < label->sequence)) newest = *label;
    }
    return newest;
}

Result<void> order(EngineWorld& world, StartOrder what, const std::string& member, const std::string& journal) {
    std::optional<Result<void>> ended;
    leave_order(world.loop, world.events, std::make_unique<sim::SimStore>(world.loop, world.journal(journal)),
                world.storage.name, {what, member, {}, 0}, [&](const Result<void>& result) { ended = result; });
    EXPECT_TRUE(world.loop.run_until([&] { return ended.has_value(); }, std::chrono::seconds(10)));
    world.loop.run_for(std::chrono::milliseconds(1));
    return *ended;
}

void die_when_it_has_the_record(EngineWorld& world, const std::string& path, const std::string& journal) {
    sim::SimPlatter& platter = world.platter(path);
    const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
    const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
    unsigned copies = 0;
    platter.on_carry_out = [&](const Request& request) {
        const bool record = request.extent.offset >= records && request.extent.offset < labels;
        copies += request.operation == Operation::write && record ? 1 : 0;
    };
    EngineWorld::Head& head = world.open(journal);
    ASSERT_TRUE(world.loop.run_until([&] { return copies == 2; }, std::chrono::seconds(30)));
    platter.on_carry_out = nullptr;
    ASSERT_EQ(head.serving, 0);
    world.crash(head);
}

}  // namespace dst
