#include "start/journal_keeper.h"

#include <utility>

#include "block/assert.h"
#include "start/error_text.h"

namespace dst {

JournalKeeper::JournalKeeper(Loop& loop, EventSink& events, std::unique_ptr<Store> store)
    : loop_(loop), events_(events), store_(std::move(store)) {
    DST_ASSERT(store_ != nullptr);
}

void JournalKeeper::open(Callback<void> done) {
    store_->open([this, done = std::move(done)](const Result<StoreContents>& contents) {
        if (!contents) {
            return done(Error{contents.error().code, "the journal cannot be used: " + error_text(contents.error())});
        }
        JournalChoice choice = choose_journal(*contents);
        if (choice.why.code == Errc::not_supported) {
            return done(
                Error{choice.why.code, "the journal cannot be used: " + store_->name() + ": " + choice.why.text});
        }
        opened_ = true;
        next_slot_ = choice.next_slot;
        damaged_ = choice.damaged;
        if (choice.copy_damaged) tell_damaged();
        if (choice.journal) {
            journal_ = std::move(*choice.journal);
            found_ = !journal_.storage.is_nil();
            claims_ = !journal_.established.none() && journal_.machine == contents->machine &&
                      journal_.file == contents->file;
            if (!claims_ && !journal_.established.none()) {
                events_.event(
                    Severity::warning, "journal-copied",
                    "the journal was copied from another place, or was away while another one was in use here; "
                    "the storage starts when all members in sync are there",
                    {{"journal", store_->name()}});
            }
        }
        const bool moved = journal_.machine != contents->machine || journal_.file != contents->file;
        // One head id per journal, so that marks of an earlier life of this head are not another head's.
        if (moved) drop_copied_order();
        if (moved) journal_.served_orders.clear();
        if (moved || journal_.established.head.is_nil()) journal_.established = {0, loop_.random_id()};
        journal_.machine = contents->machine;
        journal_.file = contents->file;
        done({});
    });
}

void JournalKeeper::tell_damaged() {
    events_.event(Severity::warning, "journal-damaged",
                  damaged_ ? "neither copy of the journal can be read; the storage starts when all members in sync are "
                             "there, and the start writes it anew"
                           : "one copy of the journal is damaged, and the other one is used; that is usual after a "
                             "power failure, else look at the disk that the journal is on",
                  {{"journal", store_->name()}});
}

/// What was ordered in the place that it was copied from is not meant for here, or was carried out long ago; so may be
/// what was ordered before it was away.
void JournalKeeper::drop_copied_order() {
    if (journal_.order == StartOrder::none) return;
    events_.event(Severity::warning, "journal-copied",
                  "the journal was copied from another place; the order that lies in it is not followed. Give it again "
                  "with dstctl if it is meant for here",
                  {{"journal", store_->name()}});
    take_order_away();
}

void JournalKeeper::give_up_claim() {
    claims_ = false;
    journal_.established.number = 0;
}

void JournalKeeper::establish(const Epoch& epoch, Callback<void> done) {
    const Epoch before = std::exchange(journal_.established, epoch);
    write([this, before, done = std::move(done)](const Result<void>& result) {
        // What lies there now is the claim from before or this one, and both hold.
        if (result) claims_ = true;
        if (!result) journal_.established = before;
        done(result);
    });
}

const Record* JournalKeeper::record_of(const Id& mirror) const {
    for (const Record& record : journal_.records) {
        if (record.mirror == mirror) return &record;
    }
    return nullptr;
}

void JournalKeeper::set_record(const Record& record) {
    for (Record& mine : journal_.records) {
        if (mine.mirror != record.mirror) continue;
        mine = record;
        return;
    }
    journal_.records.push_back(record);
}

Id JournalKeeper::served_order(const Id& mirror) const {
    for (const ServedOrder& order : journal_.served_orders) {
        if (order.mirror == mirror) return order.generation;
    }
    return {};
}

void JournalKeeper::set_served_order(const ServedOrder& order) {
    std::erase_if(journal_.served_orders, [&](const ServedOrder& one) { return one.mirror == order.mirror; });
    if (!order.generation.is_nil()) journal_.served_orders.push_back(order);
}

void JournalKeeper::set_leaf(const RecordLeaf& leaf) {
    for (RecordLeaf& known : journal_.leaves) {
        if (known.place != leaf.place) continue;
        known = leaf;
        return;
    }
    journal_.leaves.push_back(leaf);
}

void JournalKeeper::give_order(StartOrder order, const OrderedDiscard& discard) {
    std::vector<OrderedDiscard> discards;
    if (order == StartOrder::resolve) {
        if (journal_.order == StartOrder::resolve) discards = journal_.discards;
        std::erase_if(discards, [&](const OrderedDiscard& other) { return other.mirror == discard.mirror; });
        discards.push_back(discard);
    }
    put_order_back(order, std::move(discards));
}

void JournalKeeper::put_order_back(StartOrder order, std::vector<OrderedDiscard> discards) {
    journal_.order = order;
    journal_.discards = std::move(discards);
}

void JournalKeeper::write(Callback<void> done) {
    next_.push_back(std::move(done));
    if (!writing_) start_write();
}

void JournalKeeper::start_write() {
    writing_ = true;
    current_ = std::exchange(next_, {});
    ++journal_.sequence;
    auto bytes = encode_journal(journal_);
    if (!bytes) {
        loop_.defer([this, error = bytes.error()] { written(error); });
        return;
    }
    write_slot(std::move(*bytes), false);
}

void JournalKeeper::write_slot(Bytes bytes, bool second) {
    if (elsewhere_ && !std::exchange(made_anew_, true)) return make_anew();
    Bytes again = second ? Bytes{} : bytes;
    store_->write(next_slot_, std::move(bytes), [this, second, again = std::move(again)](const Result<void>& result) {
        const bool away = !result && result.error().code == Errc::changed;
        if (result || away) next_slot_ = 1 - next_slot_;
        if (away && !std::exchange(made_anew_, true)) return leave_behind();
        if (!result || second) return written(result);
        write_slot(again, true);
    });
}

/// M5: it may be back at a later start, and must not decide by what it knows now. From then on it is a copy: of no
/// file, with a head id of its own when it is used again.
void JournalKeeper::leave_behind() {
    events_.event(
        Severity::warning, "journal-made-anew",
        "the journal is not at its place any more: it was removed, or another file lies there. It is made anew "
        "there, with all that it knows. Look after what cleans that directory",
        {{"journal", store_->name()}});
    Journal left = journal_;
    left.file = 0;
    left.sequence = ++journal_.sequence;
    auto bytes = encode_journal(left);
    if (!bytes) return written(bytes.error());
    write_left(std::move(*bytes), false);
}

void JournalKeeper::write_left(Bytes bytes, bool second) {
    Bytes again = second ? Bytes{} : bytes;
    store_->write(next_slot_, std::move(bytes), [this, second, again = std::move(again)](const Result<void>& result) {
        if (!result && result.error().code != Errc::changed) return written(result);
        next_slot_ = 1 - next_slot_;
        if (second) return make_anew();
        write_left(again, true);
    });
}

/// All that it knows is in memory, and whoever looks for it later is to find it.
void JournalKeeper::make_anew() {
    store_->open([this](const Result<StoreContents>& contents) {
        if (!contents) return written(contents.error());
        const Error why = why_not_there(*contents);
        elsewhere_ = why.code != Errc::ok;
        if (elsewhere_) return written(why);
        journal_.machine = contents->machine;
        journal_.file = contents->file;
        ++journal_.sequence;
        auto bytes = encode_journal(journal_);
        if (!bytes) return written(bytes.error());
        write_slot(std::move(*bytes), false);
    });
}

/// Whoever lost it needs it, too.
Error JournalKeeper::why_not_there(const StoreContents& contents) const {
    const JournalChoice there = choose_journal(contents);
    if (there.why.code == Errc::not_supported) return there.why;
    if (!there.journal || there.journal->storage.is_nil() || there.journal->storage == journal_.storage) {
        return {Errc::ok, {}};
    }
    return {Errc::refused, store_->name() + ": the journal of storage '" + there.journal->storage_name +
                               "' lies there, and is left as it is; move it to where it belongs"};
}

void JournalKeeper::written(const Result<void>& result) {
    writing_ = made_anew_ = false;
    if (!result) {
        events_.event(Severity::error, "journal-write-failed",
                      "the journal could not be written; changes of members wait for it: " + error_text(result.error()),
                      {{"journal", store_->name()}});
    } else {
        found_ = !journal_.storage.is_nil();
    }
    const std::vector<Callback<void>> told = std::exchange(current_, {});
    if (!next_.empty()) start_write();
    for (const Callback<void>& done : told) done(result);
}

void JournalKeeper::keep(const Record& record, Callback<void> done) {
    if (overtaken_) return loop_.defer([done = std::move(done)] { done(overtaken_error()); });
    set_record(record);
    write(std::move(done));
    if (record_changes_) record_changes_();
}

void JournalKeeper::on_last_changed(const std::string&) {
    if (last_changed_) last_changed_();
}

void JournalKeeper::on_fenced(const std::string& member) {
    if (fenced_) fenced_(member);
}

}  // namespace dst
