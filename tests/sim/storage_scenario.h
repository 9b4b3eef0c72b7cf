#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "drops.h"
#include "faults.h"
#include "mixtures.h"
#include "rivals.h"
#include "scenario.h"
#include "sides.h"
#include "start/initializer.h"
#include "world.h"

namespace dst::sim {

/// One storage through init, service, faults and healing.
class StorageScenario final : private FaultHost {
public:
    explicit StorageScenario(Trace& trace);
    ~StorageScenario() override;

    ScenarioResult run();

private:
    struct Service {
        std::unique_ptr<Client> client;
        HeadProcess* process = nullptr;
        HeadProcess* ending = nullptr;  ///< it is being closed, and requests are in flight
    };

    World& world() override { return *world_; }
    void start_head(World::Head& head) override;
    void head_ends(World::Head& head, bool clean) override;
    void head_closes(World::Head& head) override;
    std::size_t times_served() const override { return services_.size(); }
    bool has_rival() const override { return rival_; }
    void silence(Duration time) override { counts_.silent_until = loop_.now() + time; }
    void order(World::Head& head, const Order& order) override;
    bool waits(const World::Head& head) const override;
    const HeadProcess* serving() override { return serving_head(); }
    bool another_has(const std::string& tree) override;
    void give_up_in_tree(const std::string& tree) override;

    bool initialise();
    /// Answers the size in bytes; nothing after a finding.
    std::optional<std::uint64_t> initialise(const spec::Storage& storage, const HeadMachine& machine);
    bool serve_first();
    void break_things();
    void heal_and_wait();
    void leave_one_head();
    void finish();
    /// A head serves, or there is a finding; one that was overtaken is started again.
    bool serves_again();
    bool is_overtaken() const;
    void start_again();
    std::string why_not_serving() const;
    void check_when_mended();
    void check_media(HeadProcess& head);
    bool all_answered();
    bool all_come_back();
    bool served_last(const World::Head& head) const;
    void check_unwritable();
    std::map<std::string, Incarnation> incarnations_now() const;
    void check_write_back(HeadProcess& head);

    // storage_maps.cc
    static unsigned mirrors_deep(const VertexStatus& vertex);
    std::string bits_left(const VertexStatus& vertex);
    void check_maps(const VertexStatus& tree);
    void end_after_requests(HeadProcess& head);
    void check_clean_end();

    // storage_away.cc
    void check_members_away();
    void check_carries_on();
    bool may_have_been_off(const VertexStatus& tree);
    void turn_off_and_on();
    void check_waits();
    void draw_away(const VertexStatus& vertex, std::vector<std::string>& away);
    /// Null: the head's own.
    World::Netnode* machine_of(const std::string& leaf);
    void take_away(const std::string& leaf);
    static bool is_left_out(const VertexStatus& vertex, const std::string& leaf);
    bool others_unchanged(const std::map<std::string, Incarnation>& before, const std::vector<std::string>& away);
    bool requests_succeed(const std::string& while_what);
    World::Head* head_of(const HeadProcess& process);
    void end_head(World::Head& head);
    void come_back(const std::string& after);

    /// Below the root's mirrors, if there are any; empty: the tree is one disk.
    std::string some_mirrored_leaf(const VertexStatus& tree);
    static bool others_in_sync(const VertexStatus& vertex, const std::string& leaf);
    static bool leaf_in_sync(const VertexStatus& vertex, const std::string& leaf);
    static bool has_leaf(const VertexStatus& vertex, const std::string& leaf);
    static bool is_mirrored(const VertexStatus& vertex);
    void end_clients();

    // storage_orders.cc
    void order_taken_back(const std::string& host);
    void judge_orders(HeadProcess& process);
    Id ordered_generation(const VertexStatus& tree) const;
    bool stands_on_order(const VertexStatus& tree) const;
    static Id own_id(const HeadProcess& process);
    void add_held(Oracle::Held& held, const VertexStatus& vertex, std::uint64_t at, std::uint64_t offset) const;
    void add_held(Oracle::Held& held, const std::string& leaf, std::uint64_t at, std::uint64_t offset) const;
    /// True: one side of the split that keeps it from serving is given up by its next life.
    bool resolve_split(HeadProcess& process);
    bool resolve_members();
    bool give_up(HeadProcess& process, const VertexStatus& member);
    static bool is_split_below(const VertexStatus& member);
    /// Nothing: no medium is named.
    std::optional<std::string> side_to_blank(const VertexStatus& member);

    void head_changed(HeadProcess& process);
    void head_serves(HeadProcess& process);
    /// Runs the world until `condition`, checking all the while; false when the time is over or something was found.
    bool run_until(const std::function<bool()>& condition, Duration limit);
    /// The condition, which costs something, asked every 10 ms only.
    std::function<bool()> now_and_then(std::function<bool()> condition) const;
    void look();
    void watch_status();
    void cache_lost(const std::string& leaf);
    void judge_lost_caches();
    void watch_lost_caches(const VertexStatus& tree);
    static bool has_left(const VertexStatus& vertex, const std::string& leaf);
    bool promoted_anew(const std::string& leaf);
    void first_serves_after_loss();
    /// Of heads that are being closed, what they know of their members when the last request is answered.
    void watch_endings();
    HeadProcess* judged_head();
    void event(const std::string& process, std::string_view id, std::initializer_list<EventField> fields);
    void look_for_foreign_labels();
    void judge_drop(const std::string& process, std::initializer_list<EventField> fields);
    std::optional<StorageStatus> status_of(const std::string& process) const;
    static const VertexStatus* vertex_named(const VertexStatus& vertex, const std::string& name);
    void lose_caches_of_tree(const std::string& tree);
    bool order_for_a_tree();
    bool runs(const VertexStatus& vertex, const std::string& process);
    bool held_beside(const VertexStatus& vertex, const std::string& leaf);
    /// Everything is as it should be, and nothing is broken any more.
    void watch_while_all_is_well(HeadProcess& head);
    bool left_out_since(const VertexStatus& member) const;
    bool survives(const VertexStatus& vertex) const;
    bool all_in_sync(const VertexStatus& vertex) const;
    static bool nothing_is_there(const VertexStatus& vertex);
    VertexStatus with_trees(const VertexStatus& vertex) const;
    std::string difference(const VertexStatus& vertex);
    static const VertexStatus& some_in_sync(const VertexStatus& mirror);
    Bytes content_of(const VertexStatus& vertex, std::uint64_t length);
    void check_copies(const VertexStatus& vertex, std::uint64_t offset, std::uint64_t length);
    Service* service_of(const HeadProcess& process);
    HeadProcess* serving_head();

    Trace& trace_;
    SimLoop& loop_;
    Shape shape_;
    std::unique_ptr<World> world_;
    std::unique_ptr<Faults> faults_;
    std::unique_ptr<DropJudge> drops_;
    std::unique_ptr<MixtureJudge> mixtures_;
    std::unique_ptr<SideJudge> sides_;
    std::unique_ptr<RivalJudge> rivals_;
    std::unique_ptr<Oracle> oracle_;
    SharedCounts counts_;
    ClientOptions client_options_;
    std::deque<Service> services_;  ///< stay where they are when another one comes
    StorageStatus last_status_;     ///< of the head that serves or served last
    /// What was not flushed is lost there.
    struct LostCache {
        std::uint64_t newest = 0;  ///< the last request that was submitted before
        bool left = false;         ///< its member has left since
    };
    std::map<std::string, LostCache> lost_caches_;  ///< by leaf
    bool all_lost_ = false;                         ///< no member has survived these losses
    bool loss_served_ = false;                      ///< a head has started since
    std::uint64_t epoch_ = 0;                       ///< the highest that came to serve
    bool rival_ = false;
    /// To give data up: left with a machine that may run a head, and not known to be carried out or taken back.
    struct OpenOrder {
        unsigned starts = 0;       ///< of that machine's heads, since
        unsigned starts_sure = 0;  ///< so many can have died without carrying it out
    };
    std::map<std::string, OpenOrder> orders_;  ///< by machine
    std::set<std::string> being_left_;         ///< machines whose journal takes an order just now
    bool any_ordered_ = false;                 ///< to give data up
    std::string forked_;    ///< the machine that gave data up last, until all members have heard of it; else empty
    Id forked_by_;          ///< the head that carried that order out; nil: it is not known to have
    Id forked_generation_;  ///< what that order made; nil: it is not known
    std::map<Id, std::uint64_t> epochs_;  ///< of each head, the last one that it served
    bool any_tree_ordered_ = false;
    std::set<std::string> tree_orders_;  ///< trees that have not come to serve since an order to give up data
    TracedEvents administrator_;
    std::set<std::pair<std::string, std::string>> came_back_changed_;  ///< process and member: the last ones in sync
    std::optional<VertexStatus> at_end_;  ///< the tree that is ended cleanly, just after requests
    unsigned put_off_ = 0;                ///< what was to be started a little later, and is not when this has changed
    bool healing_ = false;
    bool closing_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
