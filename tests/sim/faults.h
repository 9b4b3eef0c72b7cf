#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/label.h"
#include "start/order.h"
#include "world.h"

namespace dst::sim {

/// The label that counts on a medium.
std::optional<Label> label_on(const SimPlatter::Content& content);

/// What the faults of a seed need of the one who runs it.
class FaultHost {
public:
    virtual ~FaultHost() = default;
    virtual World& world() = 0;
    /// Starts a head (again), with what belongs to it.
    virtual void start_head(World::Head& head) = 0;
    /// A head is about to die or to be stopped.
    virtual void head_ends(World::Head& head, bool clean) = 0;
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
    bool end_head(bool power, bool clean);
    /// Runs the world until its clients have their answers.
    void end_cleanly(World::Head& head);
    bool start_rival();
    bool fail_journal();

    // faults_duel.cc
    bool duel();
    void duel_after_half_a_start(World::Head& one, World::Head& other);
    void duel_with_a_slow_start(World::Head& one, World::Head& other);
    void part(World::Head& one, World::Head& other);
    void die_in_the_start(World::Head& head);
    void kill_head(World::Head& head);
    void at(Duration when, std::function<void()> run);

    // faults_promotion.cc
    struct Promotion;
    bool die_in_a_promotion();
    bool lose_power_in_a_resync();
    void watch(const std::shared_ptr<Promotion>& promotion);
    void end_watch();
    void die_now(const std::shared_ptr<Promotion>& promotion);
    void start_apart(const Promotion& promotion);

    // faults_orders.cc
    using Leaves = std::vector<std::pair<std::string, SimPlatter*>>;
    bool order_takeover();
    bool give_up_what_is_away();
    bool give_up_both_sides();
    std::pair<Leaves, Leaves> two_parts();
    void set_away(const Leaves& leaves, bool away);
    void order_if_it_waits(World::Head& head);
    void start_with_order(World::Head& head);

    // faults_media.cc
    void keep_copies();
    /// Each process with the chance `per_mille`, with or without its machine.
    void all_off(bool power = false, unsigned per_mille = 1000);
    void put_in_place(const std::string& name, SimPlatter& platter, SimPlatter::Content content);
    bool blank_medium();
    bool others_know(SimPlatter& platter, const SimPlatter::Content& copy) const;
    bool journal_knows(SimPlatter& platter, const SimPlatter::Content& copy) const;
    bool has_older_copy(SimPlatter& platter) const;
    void die_at_its_promise(SimPlatter& platter);
    bool older_medium();
    void older_after_a_clean_end(const std::string& what, SimPlatter& platter);
    bool older_part();
    bool other_size();
    bool foreign_medium();
    bool exchange_media();
    bool change_journal();

    // faults_rot.cc
    bool rot_slot();
    bool rot_journal();

    Trace& trace_;
    SimLoop& loop_;
    FaultHost& host_;
    unsigned count_ = 0;
    bool ended_ = false;
    bool ending_cleanly_ = false;  ///< a head: it must not be killed meanwhile
    TimePoint quiet_until_;        ///< a duel goes on: only small things are broken meanwhile
    struct Copy {
        SimPlatter::Content content;
        std::size_t times_served = 0;
    };
    std::map<SimPlatter*, Copy> copies_;  ///< of media, made some time ago
    std::unique_ptr<SimStoreFile> journal_copy_;
    bool journal_needed_ = false;  ///< with it lost as well, this would be outside the fault model
    bool journal_changed_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
