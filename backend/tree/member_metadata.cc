#include "tree/member_metadata.h"

#include <algorithm>
#include <array>
#include <utility>

#include "block/assert.h"
#include "tree/owned_request.h"

namespace dst {
namespace {

/// The disk does not give it; another copy may be good. Any other error says nothing about the medium.
bool is_bad_copy(Errc code) { return code == Errc::medium_error || code == Errc::io_error || code == Errc::corrupt; }

bool all_zero(const Bytes& bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

Error error_of(Errc code, std::string_view what) { return {code, std::string("the mirror's ") + std::string(what)}; }

}  // namespace

/// Both copies, one after the other.
class MemberMetadata::ReadRecord : public std::enable_shared_from_this<ReadRecord> {
public:
    ReadRecord(MemberMetadata& owner, Callback<FoundRecord> done) : owner_(owner), done_(std::move(done)) {}

    void read(unsigned copy) {
        // Where the record lies does not depend on the regions, which only it tells.
        const MirrorLayout layout = mirror_layout(owner_.device_.geometry().size_bytes, 1u << 20);
        OwnedOrder order;
        order.extent = layout.record_copy(copy);
        submit_owned(owner_.device_, std::move(order), [self = shared_from_this(), copy](Errc code, Bytes bytes) {
            self->have(copy, code, std::move(bytes));
        });
    }

private:
    void have(unsigned copy, Errc code, Bytes bytes) {
        if (code != Errc::ok && !is_bad_copy(code)) return done_(error_of(code, "record could not be read"));
        unreadable_ += code == Errc::ok ? 0 : 1;
        if (code == Errc::ok) copies_[copy] = std::move(bytes);
        if (copy == 0) return read(1);
        if (unreadable_ == 2) return done_(error_of(code, "record could not be read"));
        RecordChoice choice = choose_record(copies_[0], copies_[1]);
        // Nothing may be written over it, nor anything be gone on with that is older.
        if (choice.why.code == Errc::not_supported) return done_(choice.why);
        owner_.sequence_ = choice.next_sequence - 1;
        owner_.next_copy_ = choice.next_copy;
        owner_.may_lie_in_cache_ = choice.record && copies_[0] != copies_[1];
        const bool damaged = !choice.record && !std::all_of(copies_.begin(), copies_.end(), all_zero);
        done_(FoundRecord{std::move(choice.record), damaged});
    }

    MemberMetadata& owner_;
    Callback<FoundRecord> done_;
    std::array<Bytes, 2> copies_;
    unsigned unreadable_ = 0;
};

void MemberMetadata::read_record(Callback<FoundRecord> done) {
    std::make_shared<ReadRecord>(*this, std::move(done))->read(0);
}

/// The copy that does not count, then the other one with the same sequence. What was read, and only one copy has, may
/// lie in a cache: both would be lost with the power while the other one is written.
class MemberMetadata::WriteRecord : public std::enable_shared_from_this<WriteRecord> {
public:
    WriteRecord(MemberMetadata& owner, const Record& record, Callback<void> done)
        : owner_(owner),
          layout_(mirror_layout(owner.device_.geometry().size_bytes, record.region_bytes)),
          done_(std::move(done)) {
        auto bytes = encode_record(record, owner.sequence_ + 1);
        // A record that was built within the limits of its mirror always fits.
        DST_ASSERT(bytes.has_value());
        bytes_ = std::move(*bytes);
    }

    void write() {
        if (owner_.may_lie_in_cache_) return flush();
        OwnedOrder order;
        order.operation = Operation::write;
        order.extent = {layout_.record_copy(owner_.next_copy_).offset, bytes_.size()};
        order.bytes = bytes_;
        order.fua = true;
        submit_owned(owner_.device_, std::move(order),
                     [self = shared_from_this()](Errc code, const Bytes&) { self->written(code); });
    }

private:
    void flush() {
        OwnedOrder order;
        order.operation = Operation::flush;
        submit_owned(owner_.device_, std::move(order), [self = shared_from_this()](Errc code, const Bytes&) {
            if (code != Errc::ok) return self->done_(error_of(code, "record could not be made durable"));
            self->owner_.may_lie_in_cache_ = false;
            self->write();
        });
    }

    void written(Errc code) {
        // A copy that may be half written is the one to write again; its sequence may have arrived.
        if (!second_) ++owner_.sequence_;
        if (code != Errc::ok) return done_(error_of(code, "record could not be written"));
        owner_.next_copy_ = 1 - owner_.next_copy_;
        if (std::exchange(second_, true)) return done_({});
        write();
    }

    MemberMetadata& owner_;
    MirrorLayout layout_;
    Bytes bytes_;
    Callback<void> done_;
    bool second_ = false;
};

void MemberMetadata::write_record(const Record& record, Callback<void> done) {
    std::make_shared<WriteRecord>(*this, record, std::move(done))->write();
}

void MemberMetadata::erase_record(Callback<void> done) {
    const MirrorLayout layout = mirror_layout(device_.geometry().size_bytes, 1u << 20);
    const std::uint64_t first = layout.record_copy(0).offset;
    OwnedOrder order;
    order.operation = Operation::write;
    order.extent = {first, layout.record_copy(1).end() - first};
    order.bytes.resize(order.extent.length);
    order.fua = true;
    sequence_ = 0;
    next_copy_ = 0;
    may_lie_in_cache_ = false;
    submit_owned(device_, std::move(order), [done = std::move(done)](Errc code, const Bytes&) {
        code == Errc::ok ? done({}) : done(error_of(code, "record could not be erased"));
    });
}

RegionMap MemberMetadata::empty_map(const Record& record) const {
    const std::uint64_t regions = (record.size_bytes + record.region_bytes - 1) / record.region_bytes;
    return RegionMap(regions, record.region_bytes);
}

unsigned MemberMetadata::map_place(const Record& record, const MapIdentity& identity) const {
    if (identity.kind == MapKind::intent) return 0;
    DST_ASSERT(identity.member != number_);
    // Owed maps lie in the order of the other members in the record.
    unsigned place = 1;
    for (const RecordMember& member : record.members) {
        if (member.number == identity.member) break;
        if (member.number != number_) ++place;
    }
    return std::min(place, mirror_members_max - 1);
}

std::vector<MapSlotPlace>& MemberMetadata::places(unsigned map, std::uint64_t slots) {
    if (places_.size() <= map) places_.resize(map + 1);
    if (places_[map].size() != slots) places_[map].assign(slots, {});
    return places_[map];
}

/// Some slots at once, each with both copies.
class MemberMetadata::ReadMap : public std::enable_shared_from_this<ReadMap> {
public:
    ReadMap(MemberMetadata& owner, const Record& record, const MapIdentity& identity, Callback<RegionMap> done)
        : owner_(owner),
          identity_(identity),
          place_(owner.map_place(record, identity)),
          layout_(mirror_layout(owner.device_.geometry().size_bytes, record.region_bytes)),
          map_(owner.empty_map(record)),
          done_(std::move(done)) {}

    void read() {
        while (error_ == Errc::ok && next_ < map_.slots() && in_flight_ < slots_in_flight_max) {
            ++in_flight_;
            auto slot = std::make_shared<Slot>(Slot{next_++, {}});
            for (unsigned copy = 0; copy < 2; ++copy) read_copy(slot, copy);
        }
        if (in_flight_ != 0) return;
        error_ == Errc::ok ? done_(std::move(map_)) : done_(error_of(error_, "map could not be read"));
    }

private:
    struct Slot {
        std::uint64_t index = 0;
        std::array<Bytes, 2> copies;
        unsigned pending = 2;
    };

    void read_copy(const std::shared_ptr<Slot>& slot, unsigned copy) {
        OwnedOrder order;
        order.extent = layout_.map_slot(place_, slot->index, copy);
        submit_owned(owner_.device_, std::move(order), [self = shared_from_this(), slot, copy](Errc code, Bytes bytes) {
            if (code == Errc::ok) slot->copies[copy] = std::move(bytes);
            self->have(*slot, code);
        });
    }

    void have(Slot& slot, Errc code) {
        if (code != Errc::ok && !is_bad_copy(code) && error_ == Errc::ok) error_ = code;
        if (--slot.pending != 0) return;
        --in_flight_;
        const MapSlotChoice choice = choose_map_slot(slot.copies[0], slot.copies[1], identity_, slot.index, map_);
        if (error_ == Errc::ok) owner_.places(place_, map_.slots())[slot.index] = choice.next;
        read();
    }

    static constexpr unsigned slots_in_flight_max = 16;

    MemberMetadata& owner_;
    MapIdentity identity_;
    unsigned place_;
    MirrorLayout layout_;
    RegionMap map_;
    Callback<RegionMap> done_;
    std::uint64_t next_ = 0;
    unsigned in_flight_ = 0;
    Errc error_ = Errc::ok;
};

void MemberMetadata::read_map(const Record& record, const MapIdentity& identity, Callback<RegionMap> done) {
    std::make_shared<ReadMap>(*this, record, identity, std::move(done))->read();
}

void MemberMetadata::read_intent_map(const Record& record, Callback<RegionMap> done) {
    read_map(record, {record.mirror, MapKind::intent, 0}, std::move(done));
}

Extent MemberMetadata::next_slot(const Record& record, const MapSlot& slot, std::span<std::byte> into) {
    const unsigned place = map_place(record, slot.identity);
    const std::uint64_t slots = (slot.regions + map_slot_regions - 1) / map_slot_regions;
    const MapSlotPlace& next = places(place, slots)[slot.slot];
    encode_map_slot(slot, {next.sequence, record.revision}, into);
    return mirror_layout(device_.geometry().size_bytes, record.region_bytes).map_slot(place, slot.slot, next.copy);
}

void MemberMetadata::slot_written(const Record& record, const MapIdentity& identity, std::uint64_t slot) {
    places_.at(map_place(record, identity)).at(slot).advance();
}

/// Looks at what is there first; then slot after slot. One of which a copy never was good is written twice.
class MemberMetadata::WriteMap : public std::enable_shared_from_this<WriteMap> {
public:
    WriteMap(MemberMetadata& owner, const Record& record, const MapIdentity& identity, RegionMap map,
             Callback<void> done)
        : owner_(owner), record_(record), identity_(identity), map_(std::move(map)), done_(std::move(done)) {}

    void begin() {
        auto found = [self = shared_from_this()](Result<RegionMap> old) {
            if (!old) return self->done_(old.error());
            self->old_ = std::move(*old);
            self->write();
        };
        std::make_shared<ReadMap>(owner_, record_, identity_, std::move(found))->read();
    }

private:
    bool same(std::uint64_t slot) const {
        const auto words = map_.slot_words_of(slot);
        return !old_.slot_dirty(slot) && std::equal(words.begin(), words.end(), old_.slot_words_of(slot).begin());
    }

    bool has_bad_copy() const {
        return owner_.places_.at(owner_.map_place(record_, identity_)).at(slot_).bad_copies != 0;
    }

    void write() {
        while (slot_ < map_.slots() && same(slot_) && !has_bad_copy()) ++slot_;
        if (slot_ == map_.slots()) return done_({});
        OwnedOrder order;
        order.operation = Operation::write;
        order.fua = true;
        order.bytes.resize(map_slot_bytes);
        order.extent = owner_.next_slot(record_, slot_of_map(map_, identity_, slot_), order.bytes);
        submit_owned(owner_.device_, std::move(order),
                     [self = shared_from_this()](Errc code, const Bytes&) { self->written(code); });
    }

    void written(Errc code) {
        if (code != Errc::ok) return done_(error_of(code, "map could not be written"));
        owner_.slot_written(record_, identity_, slot_);
        if (!has_bad_copy()) ++slot_;
        write();
    }

    MemberMetadata& owner_;
    Record record_;
    MapIdentity identity_;
    RegionMap map_;
    RegionMap old_;
    Callback<void> done_;
    std::uint64_t slot_ = 0;
};

void MemberMetadata::write_map(const Record& record, const MapIdentity& identity, const RegionMap& map,
                               Callback<void> done) {
    DST_ASSERT(map.regions() == empty_map(record).regions());
    std::make_shared<WriteMap>(*this, record, identity, map, std::move(done))->begin();
}

}  // namespace dst
