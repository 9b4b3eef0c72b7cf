// A medium that opens, goes down and comes back; requests through it.
#include "media/medium.h"

#include "support/medium_fixture.h"

namespace dst {
namespace {

using test::FakeSession;
using test::id_of;

class MediumTest : public test::MediumFixture {};

TEST_F(MediumTest, TellsItsSessionsWhenItIsUp) {
    open();
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(first->ups, 1);
    EXPECT_EQ(medium->geometry().size_bytes, medium_bytes - label_area_bytes);
    EXPECT_EQ(medium->last_error().code, Errc::ok);
    EXPECT_EQ(events.count("medium-up"), 1u);
}

TEST_F(MediumTest, ReadsTheLabelBeforeItIsUp) {
    label();
    open();
    EXPECT_EQ(medium->label_state(), LabelState::valid);
    ASSERT_NE(medium->label(), nullptr);
    EXPECT_EQ(medium->label()->storage_name, "vol0");
}

TEST_F(MediumTest, IsUpWithoutALabelAndWithADamagedOne) {
    open();
    EXPECT_EQ(medium->label_state(), LabelState::absent);
    LabelImage image = encode_label(small_label());
    image[50] ^= std::byte{1};
    platter.write(label_copy(medium_bytes, 0).offset, image);
    restart();
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->label_state(), LabelState::damaged);
}

TEST_F(MediumTest, IsUpWithAnUnreadableLabel) {
    platter.fail(Operation::read, {0, medium_bytes}, Errc::medium_error);
    open();
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->label_state(), LabelState::unreadable);
    platter.clear_failures();
}

TEST_F(MediumTest, M6KnowsItsPromiseAgainOnceThePeekedLabelCanBeRead) {
    const Epoch epoch{3, id_of(9)};
    Label promised = small_label();
    promised.promised = epoch;
    label(promised);
    platter.fail(Operation::read, {0, medium_bytes}, Errc::medium_error);
    open();
    EXPECT_EQ(medium->adopt_epoch(*first, epoch), Errc::refused);
    platter.clear_failures();
    peek(*first);
    EXPECT_EQ(medium->adopt_epoch(*first, epoch), Errc::ok);
}

TEST_F(MediumTest, SaysSoWhenOneCopyOfTheLabelIsBad) {
    label();
    platter.fail(Operation::read, label_copy(medium_bytes, 1), Errc::medium_error);
    open();
    EXPECT_EQ(medium->label_state(), LabelState::valid);
    EXPECT_EQ(events.count("label-copy-bad"), 1u);
    platter.clear_failures();
}

TEST_F(MediumTest, OpensAMissingMediumAgainWithGrowingDelay) {
    platter.set_missing(true);
    medium->open();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(medium->up());
    EXPECT_EQ(medium->last_error().code, Errc::not_found);
    ASSERT_EQ(first->downs.size(), 1u);
    loop.run_for(std::chrono::minutes(2));
    EXPECT_EQ(first->downs.size(), 1u) << "the same reason is told once";
    platter.set_missing(false);
    loop.run_for(Medium::backoff_max + std::chrono::seconds(1));
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->last_error().code, Errc::ok);
}

TEST_F(MediumTest, StartsTheDelayOverAfterItWasUp) {
    platter.set_missing(true);
    medium->open();
    loop.run_for(std::chrono::minutes(5));
    platter.set_missing(false);
    loop.run_for(Medium::backoff_max + std::chrono::seconds(1));
    platter.set_missing(true);
    loop.run_for(std::chrono::milliseconds(100));
    platter.set_missing(false);
    loop.run_for(Medium::backoff_min);
    EXPECT_TRUE(medium->up());
}

TEST_F(MediumTest, WithBlocksLargerThanACopyOfItsLabelIsNotUp) {
    sim::SimPlatter large(loop, {.size_bytes = medium_bytes, .logical_block_bytes = 8192});
    restart_with(std::make_unique<sim::SimDisk>(loop, large, "/dev/large"));
    medium->open();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(medium->up());
    EXPECT_EQ(medium->last_error().code, Errc::not_supported);
    restart();
}

TEST_F(MediumTest, WithoutRoomForItsLabelAreaIsNotUp) {
    platter.resize(label_area_bytes);
    open();
    EXPECT_FALSE(medium->up());
    EXPECT_EQ(medium->last_error().code, Errc::too_large);
}

TEST_F(MediumTest, ReadsTheLabelAgainWhenAnotherDiskTookItsPlace) {
    label();
    open();
    ASSERT_TRUE(promise(*first, epoch(1, 0xa)).has_value());
    platter.replace_blank(2 * medium_bytes);
    loop.run_for(std::chrono::seconds(2));
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->label_state(), LabelState::absent);
    EXPECT_EQ(medium->geometry().size_bytes, 2 * medium_bytes - label_area_bytes);
    EXPECT_EQ(first->downs.size(), 1u);
    EXPECT_EQ(first->ups, 2);
    EXPECT_EQ(io(*first, Operation::read), Errc::refused) << "the new medium never saw this epoch";
}

TEST_F(MediumTest, AnswersNothingWhileItIsDown) {
    platter.set_missing(true);
    medium->open();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_EQ(io(*first, Operation::read), Errc::disconnected);
    EXPECT_EQ(peek(*first).error().code, Errc::disconnected);
    EXPECT_NE(peek(*first).error().text.find("no such file"), std::string::npos);
}

TEST_F(MediumTest, CompletesARequestSubmittedWhileDown) {
    Request request;
    request.operation = Operation::flush;
    bool ended = false;
    request.owner = &ended;
    request.done = [](Request& done) { *static_cast<bool*>(done.owner) = true; };
    medium->submit(request);
    EXPECT_FALSE(ended);
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(ended);
    EXPECT_EQ(request.result, Errc::disconnected);
}

TEST_F(MediumTest, KeepsTheLabelAreaOutOfReach) {
    label();
    open();
    ASSERT_TRUE(promise(*first, epoch(1, 0xa)).has_value());
    const std::uint64_t end = medium->geometry().size_bytes;
    EXPECT_EQ(io(*first, Operation::write, {end - 4096, 4096}), Errc::ok);
    EXPECT_EQ(io(*first, Operation::write, {end, 4096}), Errc::invalid_argument);
    EXPECT_EQ(io(*first, Operation::write_zeroes, {end - 4096, 8192}), Errc::invalid_argument);
}

TEST_F(MediumTest, WithoutAnEpochASessionReadsAndWritesNothing) {
    label();
    open();
    EXPECT_EQ(io(*first, Operation::read), Errc::ok);
    EXPECT_EQ(io(*first, Operation::flush), Errc::ok);
    EXPECT_EQ(io(*first, Operation::write), Errc::refused);
    EXPECT_EQ(io(*first, Operation::unmap), Errc::refused);
}

TEST_F(MediumTest, WithoutALabelASessionMayWrite) {
    open();
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
}

TEST_F(MediumTest, WithADamagedLabelASessionMayNotWrite) {
    LabelImage image = encode_label(small_label());
    image[50] ^= std::byte{1};
    platter.write(label_copy(medium_bytes, 0).offset, image);
    open();
    EXPECT_EQ(io(*first, Operation::write), Errc::refused);
}

TEST_F(MediumTest, ProbeTellsWhatLiesThere) {
    platter.set_found("ext4 filesystem");
    open();
    std::optional<Result<Probe>> found;
    medium->probe(*first, [&](Result<Probe> result) { found = std::move(result); });
    loop.run_until([&] { return found.has_value(); });
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->found, "ext4 filesystem");
    EXPECT_EQ((*found)->label_state, LabelState::absent);
}

TEST_F(MediumTest, PeekReadsTheLabelAnew) {
    label();
    open();
    platter.write(label_copy(medium_bytes, 0).offset, Bytes(4096));
    EXPECT_EQ(peek(*first)->label_state, LabelState::absent);
}

TEST_F(MediumTest, APeekInterruptedByTheMediumAnswersAndTheLabelIsReadAgain) {
    label();
    open();
    platter.set_hung(true);
    std::optional<Result<Peek>> answer;
    medium->peek(*first, [&](Result<Peek> result) { answer = std::move(result); });
    loop.run_for(std::chrono::milliseconds(10));
    medium->cut({Errc::timed_out, "hung"});
    loop.run_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->error().code, Errc::disconnected);
    platter.set_hung(false);
    loop.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->label_state(), LabelState::valid);
}

TEST_F(MediumTest, TriesAgainWhenItsLabelIsNotAnsweredInTime) {
    label();
    platter.fail(Operation::read, {0, medium_bytes}, Errc::timed_out, 1);
    medium->open();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(medium->up());
    EXPECT_EQ(medium->last_error().code, Errc::timed_out);
    loop.run_for(Medium::backoff_min);
    EXPECT_TRUE(medium->up());
    EXPECT_EQ(medium->label_state(), LabelState::valid);
}

TEST_F(MediumTest, DetachingTakesWhatIsQueuedAlongWhileTheDiskHangs) {
    label();
    open();
    platter.set_hung(true);
    const auto running = std::make_shared<int>(0);
    const auto queued = std::make_shared<int>(0);
    std::optional<Result<Peek>> answer;
    FakeSession third(loop);
    medium->attach(third);
    medium->peek(third, [running](const Result<Peek>&) { FAIL() << "answered after detaching"; });
    loop.run_for(std::chrono::seconds(1));
    medium->peek(*first, [&](Result<Peek> result) { answer = std::move(result); });
    medium->peek(third, [queued](const Result<Peek>&) { FAIL() << "answered after detaching"; });
    medium->probe(third, [queued](const Result<Probe>&) { FAIL() << "answered after detaching"; });
    medium->detach(third);
    EXPECT_EQ(queued.use_count(), 1);
    EXPECT_EQ(running.use_count(), 2) << "the disk still works for it";
    platter.set_hung(false);
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(running.use_count(), 1);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->has_value());
}

TEST_F(MediumTest, ADetachedSessionHearsNothingMore) {
    label();
    open();
    FakeSession third(loop);
    medium->attach(third);
    medium->peek(third, [](Result<Peek>) { FAIL() << "answered after detaching"; });
    medium->detach(third);
    platter.set_missing(true);
    loop.run_for(std::chrono::seconds(1));
    EXPECT_TRUE(third.downs.empty());
}

/// A disk that this process may not open.
class ForbiddenDisk final : public RawMedium {
public:
    explicit ForbiddenDisk(sim::SimLoop& loop) : loop_(loop) {}
    void open() override {
        loop_.defer([this] { notify_down({Errc::refused, "/dev/sim: cannot open it: change its owner or mode"}); });
    }
    void probe(Callback<Probe> done) override { done(Error{Errc::disconnected, "not open"}); }
    void look_at_name(std::function<void(NameFinding)> done) override { done(NameFinding::same); }
    const std::string& name() const override { return name_; }
    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return false; }
    Incarnation incarnation() const override { return {}; }
    void submit(Request& request) override { loop_.complete_later(request, Errc::disconnected); }
    void close(std::function<void()> closed) override { loop_.defer(std::move(closed)); }

private:
    sim::SimLoop& loop_;
    std::string name_ = "/dev/sim";
    Geometry geometry_;
};

TEST_F(MediumTest, ADiskThatMayNotBeOpenedIsNotCalledAWrongOne) {
    restart_with(std::make_unique<ForbiddenDisk>(loop));
    medium->open();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_EQ(events.count("medium-refused"), 0u);
    EXPECT_EQ(events.count("medium-down"), 1u);
    EXPECT_EQ(medium->last_error().text, "/dev/sim: cannot open it: change its owner or mode");
}

TEST_F(MediumTest, ClosingAnswersWhatIsQueued) {
    label();
    open();
    std::vector<Errc> answers;
    for (int i = 0; i < 3; ++i) {
        medium->peek(*first, [&](Result<Peek> result) { answers.push_back(result.error().code); });
    }
    restart();
    EXPECT_EQ(answers, std::vector<Errc>(3, Errc::cancelled));
}

}  // namespace
}  // namespace dst
