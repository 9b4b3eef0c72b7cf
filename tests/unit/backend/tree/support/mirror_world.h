#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simworld/null_events.h"
#include "support/fake_device.h"
#include "support/test_request.h"
#include "tree/mirror.h"

namespace dst {

/// Of the mirrors here, unless a test says another.
inline constexpr std::uint64_t region = 1u << 20;

/// A serving mirror of fake devices, with a journal that the test may hold or fail.
class MirrorWorld : public RecordKeeper, public BlockDevice::Observer {
public:
    /// `unclean`: what the last head left behind when it died; the mirror expects differences then.
    /// `levels`: of mirrors below each member.
    explicit MirrorWorld(std::size_t members = 2, spec::ReadPreference first = spec::ReadPreference::automatic,
                         const std::function<void(MirrorWorld&)>& unclean = nullptr,
                         std::uint64_t size_bytes = 4u << 20, std::uint32_t region_bytes = region, unsigned levels = 0,
                         std::uint32_t physical_block_bytes = 512)
        : size_bytes_(size_bytes), region_bytes_(region_bytes) {
        std::vector<MirrorChild> children;
        for (std::size_t i = 0; i < members; ++i) {
            devices.push_back(std::make_unique<FakeDevice>(loop, size_bytes + (4u << 20)));
            devices.back()->geometry_.physical_block_bytes = physical_block_bytes;
            const auto read = i == 0 ? first : spec::ReadPreference::automatic;
            children.push_back({devices.back().get(), "d" + std::to_string(i), read, false, levels});
        }
        mirror = std::make_unique<Mirror>(MirrorEnvironment{loop, events, this, std::chrono::seconds(8)}, "m0",
                                          std::move(children));
        mirror->set_observer(this);
        for (const auto& device : devices) device->set_observer(&mirror->child_observer());
        serve(unclean);
    }
    ~MirrorWorld() override {
        bool closed = false;
        mirror->close([&] { closed = true; });
        for (const auto& device : devices) device->release();
        EXPECT_TRUE(loop.run_until([&] { return closed; }, std::chrono::minutes(5)));
        loop.run_for(std::chrono::seconds(1));
    }

    /// Stops, and starts with all members in sync as they are now.
    void start_again() {
        const Record record = stop();
        mirror->stand(record, in_sync_by(record));
        serve_again();
    }
    /// Stops, and starts without one that is in sync, which comes later.
    void start_without(std::size_t index) {
        const Record record = stop();
        start_by(record, 1u << index);
    }
    void start_without_all_but_the_first() {
        const Record record = stop();
        start_by(record, in_sync_by(record) & ~1u);
    }
    /// Stops, and starts without one that was in sync, by an order that gives up what it has; or `left`: it left by
    /// itself, and an order was about to make what it has.
    void start_and_give_up(std::size_t index, bool left = false) {
        Record record = stop();
        RecordMember& given_up = record.members.at(index);
        given_up.state = MemberState::dirty;
        given_up.revision = record.revision;
        given_up.may_have = {may_have_of(record)};
        record.lineage.insert(record.lineage.begin(), record.generation_id);
        record.generation_id = loop.random_id();
        ++record.generation;
        if (left) {
            given_up.may_have.front().ordered = true;
            given_up.last_generation = loop.random_id();
            record.lineage.push_back(given_up.last_generation);
        }
        start_by(record);
    }

    FakeDevice& device(std::size_t index) { return *devices.at(index); }

    /// The record as it lies on a member.
    Record record_on(std::size_t index) {
        MemberMetadata metadata(device(index));
        std::optional<Record> record;
        metadata.read_record([&](const Result<FoundRecord>& found) {
            ASSERT_TRUE(found);
            record = found->record;
        });
        loop.run_for(std::chrono::milliseconds(1));
        return record.value_or(Record{});
    }

    /// A member that failed is there again, and the engine has looked at it.
    void admit(std::size_t index, bool everything = false) { mirror->admit(index, {everything, {}, {}}); }
    bool in_sync(std::size_t index) const { return mirror->child_status(index).state == VertexState::in_sync; }

    void keep(const Record& record, Callback<void> done) override {
        const bool again = !kept.empty() && record.revision == kept.back().revision;
        if (again) {
            acknowledged = record;
            return loop.defer([done = std::move(done)] { done({}); });
        }
        kept.push_back(record);
        if (hold_journal) {
            pending_keep = std::move(done);
            return;
        }
        loop.defer([this, done = std::move(done)] {
            if (fail_journal) return done(Error{journal_error, "the journal's filesystem is full"});
            done({});
        });
    }
    void release_journal() {
        hold_journal = false;
        if (pending_keep) std::exchange(pending_keep, nullptr)({});
    }
    void on_fenced(const std::string& member) override { fenced_by = member; }
    bool overtaken() const noexcept override { return is_overtaken; }
    void on_last_changed(const std::string&) override { ++last_changed; }
    void on_up(BlockDevice&) override { ++ups; }
    void on_down(BlockDevice&, const Error&) override { ++downs; }

    sim::SimLoop loop;
    sim::RecordingEvents events;
    std::vector<std::unique_ptr<FakeDevice>> devices;
    std::unique_ptr<Mirror> mirror;
    std::vector<Record> kept;
    Record acknowledged;  ///< the last one, with what the members have acknowledged since
    bool hold_journal = false;
    bool fail_journal = false;
    bool is_overtaken = false;
    Errc journal_error = Errc::no_space;
    Callback<void> pending_keep;
    std::string fenced_by;
    int last_changed = 0;
    int ups = 0;
    int downs = 0;

private:
    Record stop() {
        const Record record = mirror->record();
        mirror->stop();
        loop.run_for(std::chrono::milliseconds(10));
        return record;
    }
    std::uint32_t in_sync_by(const Record& record) const {
        std::uint32_t mask = 0;
        for (std::size_t i = 0; i < devices.size(); ++i) {
            const RecordMember* const member = find_member(record, static_cast<std::uint32_t>(i) + 1);
            if (member != nullptr && member->state == MemberState::in_sync) mask |= 1u << i;
        }
        return mask;
    }
    void start_by(Record record, std::uint32_t missing = 0) {
        ++record.revision;
        mirror->stand(record, in_sync_by(record) & ~missing);
        bool done = false;
        mirror->write_start_record(record, 0, [&](const Result<void>& written) { done = written.has_value(); });
        EXPECT_TRUE(loop.run_until([&] { return done; }));
        serve_again();
    }
    void serve_again() {
        bool served = false;
        mirror->serve(0, [&](const Result<void>& serving) { served = serving.has_value(); });
        EXPECT_TRUE(loop.run_until([&] { return served; }));
    }
    void serve(const std::function<void(MirrorWorld&)>& unclean) {
        Record record;
        record.storage = loop.random_id();
        record.mirror = loop.random_id();
        record.medium = loop.random_id();
        record.generation_id = loop.random_id();
        record.region_bytes = region_bytes_;
        record.size_bytes = size_bytes_;
        record.logical_block_bytes = 512;
        record.next_number = static_cast<std::uint32_t>(devices.size()) + 1;
        for (std::size_t i = 0; i < devices.size(); ++i) {
            RecordMember member;
            member.number = static_cast<std::uint32_t>(i) + 1;
            member.name = "d" + std::to_string(i);
            member.incarnation = devices[i]->incarnation();
            member.size_bytes = devices[i]->geometry().size_bytes;
            record.members.push_back(member);
            mirror->set_number(i, member.number);
        }
        mirror->stand(record, (1u << devices.size()) - 1);
        if (unclean) {
            Mirror::FoundMaps found;
            found.intent = RegionMap((size_bytes_ + region_bytes_ - 1) / region_bytes_, region_bytes_);
            found.intent.set_all();
            mirror->take_maps(found);
        }
        bool served = false;
        mirror->write_start_record(record, 0, [&](const Result<void>& written) {
            EXPECT_TRUE(written);
            mirror->serve(0, [&](const Result<void>& serving) { served = serving.has_value(); });
        });
        EXPECT_TRUE(loop.run_until([&] { return served; }));
        if (unclean) return unclean(*this);
        loop.run_for(std::chrono::milliseconds(1));
        for (const auto& device : devices) device->log.clear();
    }

    const std::uint64_t size_bytes_;
    const std::uint32_t region_bytes_;
};

}  // namespace dst
