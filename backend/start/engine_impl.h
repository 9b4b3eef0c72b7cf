#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/assert.h"
#include "start/gate.h"
#include "start/joiner.h"
#include "start/journal_keeper.h"
#include "start/starter.h"
#include "start/storage_engine.h"

namespace dst {

/// The parts of an engine and their wiring: the gate on top, the starter beside, the tree below, the journal.
class StorageEngine::Impl final : private LeafListener {
public:
    Impl(spec::Storage storage, EngineEnvironment environment, Observer* observer);

    void open();
    void close(std::function<void()> closed);
    StorageStatus status() const;
    bool is_serving() const;
    Result<std::string> order(const Order& order);

    Gate& gate() noexcept { return gate_; }
    const Starter& starter() const noexcept { return starter_; }
    const Id& id() const noexcept { return id_; }

private:
    void on_leaf_up(std::size_t leaf) override;
    void on_leaf_down(std::size_t leaf, const Error& why) override;

    Starter::Hooks hooks();
    void assume();
    void refuse_journal();
    void sized(const Geometry& geometry, const Id& id);
    void serving();
    void failed(const Error& why);
    void fenced(const std::string& member);
    void data_lost();
    void tell_data_lost();
    void tell(std::function<void(Observer&)> what);

    // engine_orders.cc
    Result<std::string> place(const Order& order);
    Result<std::string> take_order_back();
    std::string why_not_serving_anew(const Order& order) const;
    void tell_order();

    void settle();
    void flush_unmirrored();
    void cut_at_close();
    void settle_next(std::vector<Vertex*> mirrors, std::size_t at);
    void settle_failed(const Error& why);
    void close_inner();
    void close_leaves();
    void close_vertex(Vertex& vertex, StartStep& step, bool leaves);
    void close_journal();

    std::string why_down(const Vertex& vertex) const;
    std::string member_reason(const Vertex& vertex, const Mirror::ChildStatus& child) const;
    VertexStatus vertex_status(const Vertex& vertex) const;
    StorageState storage_state() const;
    bool part_is_lost() const;
    std::string state_reason() const;

    spec::Storage storage_;
    Loop& loop_;
    EventSink& events_;
    LeafFactory make_leaf_;
    std::string head_;
    Observer* observer_;
    JournalKeeper journal_;
    Tree tree_;
    std::vector<const Vertex*> unmirrored_;  ///< leaves above which no mirror is
    Gate gate_;
    Starter starter_;
    Joiner joiner_;
    Id id_;
    Error journal_error_{Errc::ok, {}};
    std::string fenced_reason_;
    bool opened_ = false;
    bool leaves_open_ = false;
    bool fenced_ = false;
    bool closing_ = false;
    std::function<void()> closed_;
    Timer close_timer_;  ///< what hangs at the end is cut off
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst
