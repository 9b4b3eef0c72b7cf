#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "media/label.h"
#include "media/record.h"
#include "start/order.h"
#include "world.h"

namespace dst::sim {

/// The label that counts on a medium.
std::optional<Label> label_on(const SimPlatter::Content& content);
/// The newer of the records that end where the two copies do.
std::optional<Record> record_on(const SimPlatter::Content& content);
/// Another storage's medium, of the same size and with the label for the same place. `content`, which has a label, is
/// what it is made of.
SimPlatter::Content foreign_content(SimLoop& loop, SimPlatter::Content content, const std::string& storage_name);
/// What a request to a medium writes.
std::optional<Label> label_in(const Request& request);
std::optional<Record> record_in(const Request& request);

/// What the faults of a seed need of the one who runs it.
class FaultHost {
public:
    virtual ~FaultHost() = default;
    virtual World& world() = 0;
    /// Starts a head (again), with what belongs to it.
    virtual void start_head(World::Head& head) = 0;
    /// A head is about to die or to be stopped.
    virtual void head_ends(World::Head& head, bool clean) = 0;
    /// It is about to be stopped with requests in flight: they are still answered.
    virtual void head_closes(World::Head& head) = 0;
    /// How often a head has begun to serve.
    virtual std::size_t times_served() const = 0;
    /// More than one machine may open the storage.
    virtual bool has_rival() const = 0;
    /// Clients send nothing for a while.
    virtual void silence(Duration time) = 0;
    /// An administrator gives a head an order, or leaves it for its next one.
    virtual void order(World::Head& head, const Order& order) = 0;
    /// It runs, and does not serve for want of something.
    virtual bool waits(const World::Head& head) const = 0;
    /// The head that serves; null: none does.
    virtual const HeadProcess* serving() = 0;
    /// What the exported tree holds is held as well by another member in sync of a mirror above, which is there.
    virtual bool another_has(const std::string& tree) = 0;
    /// An administrator has the exported tree start with loss of data: now, or when its netnode starts next.
    virtual void give_up_in_tree(const std::string& tree) = 0;
};

/// Draws faults and mends them again after a while. Everything that was broken is mended by World::heal() at the end.
class Faults {
public:
    Faults(Trace& trace, FaultHost& host);

    /// One more, now.
    void strike();
    unsigned count() const noexcept { return count_; }
    /// Nothing is mended by itself any more.
    void end() noexcept { ended_ = true; }

private:
    void later(Duration min, Duration max, std::function<void()> run);
    World::Netnode* any_netnode();
    std::pair<std::string, SimPlatter*> any_leaf();
    void note(const std::string& what);

    bool stage();
    void disturb();
    bool kill_netnode(bool power);
    bool cut_power();
    bool cut_link();
    bool partition(bool both_ways);
    bool fail_disk();
    bool fail_all_disks();
    bool spoil_sectors();
    bool hang_disk();
    bool slow_disk();
    bool carry_out_late(const std::string& name, SimPlatter& platter, World::Netnode& node);
    bool end_head(bool power, bool clean);
    /// Runs the world until its clients have their answers.
    void end_cleanly(World::Head& head);
    void close_in_use(World::Head& head);
    bool start_rival();

    // faults_duel.cc
    bool duel();
    void duel_after_half_a_start(World::Head& one, World::Head& other);
    void duel_with_a_slow_start(World::Head& one, World::Head& other);
    bool go_on_with_what_was_chosen();
    void die_before_promises(World::Head& head, unsigned times);
    void part(World::Head& one, World::Head& other);
    void die_in_the_start(World::Head& head);
    void die_between_marks(World::Head& head);
    void kill_head(World::Head& head);
    void at(Duration when, std::function<void()> run);

    // faults_promotion.cc
    struct Promotion;
    bool die_in_a_promotion();
    bool lose_power_in_a_resync();
    void lose_power_of_target(World::Netnode& node);
    void watch(const std::shared_ptr<Promotion>& promotion);
    void end_watch();
    void die_now(const std::shared_ptr<Promotion>& promotion);
    void lose_power_without(const std::set<const SimPlatter*>& have_it);
    void start_apart(const Promotion& promotion);

    // faults_orders.cc
    using Leaves = std::vector<std::pair<std::string, SimPlatter*>>;
    bool order_takeover();
    bool give_up_what_is_away();
    bool give_up_both_sides();
    std::pair<Leaves, Leaves> two_parts();
    void set_away(const Leaves& leaves, bool away, bool power = false);
    void order_if_it_waits(World::Head& head);
    void start_with_order(World::Head& head);

    // faults_staged.cc
    static bool all_in_sync(const Record& record);
    bool older_part_returns();
    void die_with_the_older_part(SimPlatter& platter);
    struct Rivals {
        World::Head& one;
        World::Head& other;
    };
    bool is_plain_mirror();
    std::optional<Rivals> rivals_on_a_mirror();
    bool go_on_without_the_new_member();
    void die_when_it_is_in_sync(World::Head& head, SimPlatter& joiner, const Leaves& others);
    bool go_on_with_what_returned();
    struct Three {
        Leaves one;
        Leaves other;
        Leaves rest;
    };
    std::optional<Three> three_members();

    // faults_addition.cc
    bool break_an_addition();
    void break_at_its_note(World::Head& head, const Three& three);

    // faults_staged.cc
    bool go_on_with_a_lower_epoch();
    /// Any record of that head, or one that `counts`.
    void die_when_they_have_the_record(World::Head& head, const Leaves& members,
                                       bool (*counts)(const Record& record) = nullptr);
    void die_at_promises(World::Head& head, SimPlatter& platter, unsigned times);
    bool go_on_with_what_was_noted();
    void die_when_it_is_taken_in(World::Head& head, SimPlatter& joiner);
    void die_before_its_mark(World::Head& head, const Leaves& others, const Leaves& returned);

    // faults_mixture.cc
    bool start_from_a_mixture();
    void die_when_it_is_copied_to(World::Head& head, SimPlatter& target);

    // faults_begun.cc
    struct Parts {
        Leaves one;  ///< a single one
        Leaves others;
    };
    Parts one_and_others();
    bool begin_an_order_in_vain();
    bool begin_an_order_twice();
    void begin_order(World::Head& head, const Parts& parts);
    void go_on_with_the_others(World::Head& head, const Parts& parts);

    // faults_sides.cc
    bool stage_sides(std::uint64_t dice);
    void start_soon(World::Head& head);
    void begin_with(World::Head& head);
    /// With these there, and the others away.
    void start_from(World::Head& head, const Leaves& there, const Leaves& others);
    bool begin_on_the_other_side();
    bool write_both_sides();
    void begin_order_in_an_addition(World::Head& head, const Parts& parts);
    void start_again_at(World::Head& head, std::initializer_list<std::chrono::seconds> times);
    bool go_on_with_what_left_by_itself();
    bool go_on_with_what_has_no_mark_yet();

    // faults_media.cc
    void keep_copies();
    /// Each process with the chance `per_mille`, with or without its machine.
    void all_off(bool power = false, unsigned per_mille = 1000);
    void put_in_place(const std::string& name, SimPlatter& platter, SimPlatter::Content content);
    bool blank_medium();
    bool others_know(SimPlatter& platter, const SimPlatter::Content& copy) const;
    bool journal_knows(SimPlatter& platter, const SimPlatter::Content& copy);
    void put_older_copy(const std::string& what, SimPlatter& platter);
    void comes_back_unless_in_sync(SimPlatter& platter, const std::optional<Record>& was,
                                   const std::optional<Record>& put);
    bool has_older_copy(SimPlatter& platter);
    bool copied_file(const std::string& name, SimPlatter& platter);
    void die_at_its_promise(SimPlatter& platter);
    bool older_last();
    bool journal_calls_all_in_sync(const SimPlatter& platter);
    void start_alone(const Leaves& others);
    bool older_medium();
    void older_after_a_clean_end(const std::string& what, SimPlatter& platter);
    bool older_part();
    bool other_size();
    bool foreign_medium();
    bool exchange_media();

    // faults_rot.cc
    bool rot_slot();

    // faults_journals.cc
    /// One that some machine keeps, and whose it is: a head's, or that of a tree that a netnode exports.
    struct KnownJournal {
        SimStoreFile* file = nullptr;
        World::Head* head = nullptr;
        World::Netnode* node = nullptr;
        std::string host;
    };
    std::vector<KnownJournal> journals();
    KnownJournal any_journal();
    void keep_journals();
    /// Those of the storages that the medium is of: the tree that it lies below, and the whole one.
    std::vector<SimStoreFile*> journals_over(const SimPlatter& platter);
    bool journal_changed(const SimPlatter& platter);
    void need_journal(const SimPlatter& platter);
    bool lose_journal(SimStoreFile& journal);
    KnownJournal journal_of_a_tree();
    bool fail_journal(const KnownJournal& journal);
    bool hang_journal(const KnownJournal& journal);
    bool change_journal(const KnownJournal& journal);
    bool rot_journal(const KnownJournal& journal);
    void fail_for_a_while(SimStoreFile& file);
    void away_in_turn(const std::function<void(bool)>& first, const std::function<void(bool)>& second);
    bool fail_journal_and_members();

    // faults_trees.cc
    struct InnerLink;
    bool strike_elsewhere();
    bool stop_netnode();
    bool come_late();
    std::optional<InnerLink> any_inner_link();
    bool cut_inner_link();
    bool part_in_tree();
    bool fail_journal_and_members_in_tree();
    bool give_up_in_tree();
    void set_member_away(World::Netnode& node, SimPlatter& platter, bool away);
    void restart_tree(const std::string& tree, SimPlatter& back, SimPlatter& away);

    Trace& trace_;
    SimLoop& loop_;
    FaultHost& host_;
    unsigned count_ = 0;
    bool ended_ = false;
    bool ending_cleanly_ = false;  ///< a head: it must not be killed meanwhile
    bool exchanged_ = false;       ///< two media, until they are put back
    TimePoint quiet_until_;        ///< a duel goes on: only small things are broken meanwhile
    TimePoint undisturbed_until_;  ///< nor these
    struct Copy {
        SimPlatter::Content content;
        std::size_t times_served = 0;
    };
    std::map<SimPlatter*, Copy> copies_;  ///< of media, made some time ago
    std::map<const SimStoreFile*, std::unique_ptr<SimStoreFile>> journal_copies_;
    std::set<const SimStoreFile*> journals_needed_;  ///< with it lost as well, this would be outside the fault model
    std::set<const SimStoreFile*> journals_changed_;
    unsigned journal_hangs_ = 0;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
