#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/events.h"
#include "block/loop.h"
#include "block/store.h"
#include "media/journal.h"
#include "tree/mirror.h"

namespace dst {

/// The head's journal: what was found, and what is to be written. Writes follow one another; those that are asked for
/// while one is under way share the next.
class JournalKeeper final : public RecordKeeper {
public:
    JournalKeeper(Loop& loop, EventSink& events, std::unique_ptr<Store> store);

    /// Opens, locks and reads. Errors: busy (another process has it), refused (it is no journal), not_supported (a
    /// newer version of DST wrote it).
    void open(Callback<void> done);
    const std::string& name() const { return store_->name(); }
    bool opened() const noexcept { return opened_; }

    /// A good journal is there, and knows a storage: not one that only carries an order.
    bool found() const noexcept { return found_; }
    /// Something was there, and neither copy is good.
    bool damaged() const noexcept { return damaged_; }
    /// It lies where it was written, and holds a claim (M5 step 2).
    bool claims() const noexcept { return claims_; }
    /// The claim is given up (M5 step 5), in memory; write() makes it durable.
    void give_up_claim();

    /// The start under `epoch` is established (M5 step 8): writes everything, with the claim. An error leaves the claim
    /// as it was.
    void establish(const Epoch& epoch, Callback<void> done);

    /// To be changed by the engine; what write() writes.
    Journal& journal() noexcept { return journal_; }
    const Journal& journal() const noexcept { return journal_; }
    /// The record of the mirror with this id, or null.
    const Record* record_of(const Id& mirror) const;
    void set_record(const Record& record);
    /// Journal::served_orders of the mirror with this id; nil: none.
    Id served_order(const Id& mirror) const;
    /// A nil generation takes it away.
    void set_served_order(const ServedOrder& order);
    /// Takes the place of what was known of the leaf in that place.
    void set_leaf(const RecordLeaf& leaf);

    /// What the administrator ordered, in memory, in place of an order from before; but resolve adds to one for other
    /// mirrors. `discard`: resolve only.
    void give_order(StartOrder order, const OrderedDiscard& discard);
    void take_order_away() { put_order_back(StartOrder::none, {}); }
    void put_order_back(StartOrder order, std::vector<OrderedDiscard> discards);

    void write(Callback<void> done);
    bool idle() const noexcept { return !writing_; }

    /// Error `fenced` once another head has taken over: members that it has not fenced yet must not hear of changes
    /// that it knows nothing of.
    void keep(const Record& record, Callback<void> done) override;
    void set_overtaken() noexcept { overtaken_ = true; }
    bool overtaken() const noexcept override { return overtaken_; }
    void on_fenced(const std::string& member) override;
    void on_last_changed(const std::string& mirror) override;
    void set_on_last_changed(std::function<void()> changed) { last_changed_ = std::move(changed); }
    void set_on_fenced(std::function<void(const std::string&)> fenced) { fenced_ = std::move(fenced); }
    /// Called from inside keep(): a mirror changes its record.
    void set_on_record(std::function<void()> changes) { record_changes_ = std::move(changes); }

private:
    void tell_damaged();
    void drop_copied_order();
    void start_write();
    /// The slot that does not count, then the other one with the same sequence: either may rot later.
    void write_slot(Bytes bytes, bool second);
    /// The file that is still open, before another one is made, in both slots: it claims nothing any more.
    void leave_behind();
    void write_left(Bytes bytes, bool second);
    void make_anew();
    Error why_not_there(const StoreContents& contents) const;
    void written(const Result<void>& result);

    Loop& loop_;
    EventSink& events_;
    std::unique_ptr<Store> store_;
    Journal journal_;
    unsigned next_slot_ = 0;
    bool opened_ = false;
    bool found_ = false;
    bool damaged_ = false;
    bool claims_ = false;
    bool writing_ = false;
    bool made_anew_ = false;  ///< by the write that is under way
    bool elsewhere_ = false;  ///< somebody else's journal lies at its place
    bool overtaken_ = false;
    std::vector<Callback<void>> current_;
    std::vector<Callback<void>> next_;
    std::function<void(const std::string&)> fenced_;
    std::function<void()> record_changes_;
    std::function<void()> last_changed_;
};

}  // namespace dst
