// M6: promises, fences and served marks of one medium.
#include "support/medium_fixture.h"

namespace dst {
namespace {

using test::FakeSession;
using test::id_of;

class MediumPromise : public test::MediumFixture {
protected:
    MediumPromise() {
        label();
        open();
    }
};

TEST_F(MediumPromise, IsDurableWhenItIsAnswered) {
    const Result<LabelImage> image = promise(*first, epoch(4, 0xa));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(decode_label(*image)->promised, epoch(4, 0xa));
    kill_and_restart([&] { platter.power_loss(); });
    EXPECT_EQ(medium->label()->promised, epoch(4, 0xa));
}

TEST_F(MediumPromise, GivesTheSessionItsEpoch) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(first->epoch, epoch(4, 0xa));
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
}

TEST_F(MediumPromise, KeepsTheRestOfTheLabel) {
    const Label before = *medium->label();
    Label expected = before;
    expected.promised = epoch(4, 0xa);
    expected.sequence = before.sequence + 1;
    EXPECT_EQ(*decode_label(*promise(*first, epoch(4, 0xa))), expected);
}

TEST_F(MediumPromise, IsRefusedWithoutALabel) {
    platter.write(label_copy(medium_bytes, 0).offset, Bytes(4096));
    const Error why = promise(*first, epoch(4, 0xa)).error();
    EXPECT_EQ(why.code, Errc::refused);
    EXPECT_NE(why.text.find("cut or grown since it was labelled"), std::string::npos) << why.text;
    EXPECT_NE(why.text.find("dstctl init is for new disks only"), std::string::npos) << why.text;
}

TEST_F(MediumPromise, IsRefusedWithoutAnEpoch) {
    EXPECT_EQ(promise(*first, Epoch{}).error().code, Errc::invalid_argument);
}

TEST_F(MediumPromise, M6FailsWhenTheLabelChangedSinceItWasSeen) {
    const Peek seen = *peek(*first);
    ASSERT_TRUE(promise(*second, epoch(4, 0xb)).has_value());
    EXPECT_EQ(promise(*first, seen, epoch(9, 0xa)).error().code, Errc::changed);
    EXPECT_EQ(medium->label()->promised, epoch(4, 0xb));
}

TEST_F(MediumPromise, M6FailsWhenTheServedMarkCameSinceItWasSeen) {
    ASSERT_TRUE(promise(*second, epoch(4, 0xb)).has_value());
    const Peek seen = *peek(*first);
    ASSERT_TRUE(mark_served(*second, epoch(4, 0xb)).has_value());
    EXPECT_EQ(promise(*first, seen, epoch(9, 0xa)).error().code, Errc::changed);
}

TEST_F(MediumPromise, M6FailsWhenTheIncarnationChangedSinceItWasSeen) {
    const Peek seen = *peek(*first);
    kill_and_restart([&] { platter.power_loss(); });
    EXPECT_EQ(promise(*first, seen, epoch(9, 0xa)).error().code, Errc::changed);
}

TEST_F(MediumPromise, M6OfTwoWhoSawTheSameOnlyOneSucceeds) {
    const Peek seen = *peek(*first);
    std::vector<Errc> answers;
    const auto note = [&](Result<LabelImage> result) { answers.push_back(result ? Errc::ok : result.error().code); };
    medium->promise(*first, seen, epoch(4, 0xa), note);
    medium->promise(*second, seen, epoch(4, 0xb), note);
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(answers, (std::vector<Errc>{Errc::ok, Errc::changed}));
}

TEST_F(MediumPromise, M6OfALowerEpochIsFenced) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(promise(*second, epoch(3, 0xb)).error().code, Errc::fenced);
    EXPECT_EQ(promise(*second, epoch(4, 0xb)).error().code, Errc::fenced);
}

TEST_F(MediumPromise, M6OfTheSameEpochAgainSucceedsWithoutAWrite) {
    const Result<LabelImage> once = promise(*first, epoch(4, 0xa));
    const std::uint64_t writes = platter.counters().writes;
    const Result<LabelImage> again = promise(*second, epoch(4, 0xa));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, *once);
    EXPECT_EQ(platter.counters().writes, writes);
    EXPECT_TRUE(first->fenced_by.empty()) << "connections of one head stand together";
}

TEST_F(MediumPromise, M6EndsLowerEpochsBeforeItAnswers) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    first->busy = true;
    const Peek seen = *peek(*second);
    std::optional<Result<LabelImage>> answer;
    medium->promise(*second, seen, epoch(5, 0xb), [&](Result<LabelImage> result) { answer = std::move(result); });
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(first->fenced_by, std::vector<Epoch>{epoch(5, 0xb)});
    EXPECT_EQ(on_disk().label->promised, epoch(5, 0xb)) << "durable before anybody is ended";
    EXPECT_FALSE(answer);
    EXPECT_EQ(io(*first, Operation::write), Errc::fenced);
    EXPECT_EQ(io(*first, Operation::read), Errc::fenced);
    first->end();
    loop.run_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->has_value());
    EXPECT_EQ(io(*second, Operation::write), Errc::ok);
}

TEST_F(MediumPromise, M6IsNotSentToLowerEpochsBeforeItIsDurable) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    const Peek seen = *peek(*second);
    platter.set_hung(true);
    medium->promise(*second, seen, epoch(5, 0xb), [](Result<LabelImage>) {});
    loop.run_for(std::chrono::seconds(1));
    EXPECT_TRUE(first->fenced_by.empty());
    platter.set_hung(false);
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(first->fenced_by.size(), 1u);
}

TEST_F(MediumPromise, M6IsBusyWhenAnEarlierSessionDoesNotEndInTime) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    first->busy = true;
    const TimePoint began = loop.now();
    EXPECT_EQ(promise(*second, epoch(5, 0xb)).error().code, Errc::busy);
    EXPECT_GE(loop.now() - began, Medium::fence_limit);
    EXPECT_LT(loop.now() - began, Medium::fence_limit + std::chrono::seconds(1));
    EXPECT_TRUE(second->epoch.none());
    EXPECT_EQ(io(*first, Operation::write), Errc::fenced) << "the promise stands";
}

TEST_F(MediumPromise, M6CanBeRepeatedAfterBusy) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    first->busy = true;
    ASSERT_EQ(promise(*second, epoch(5, 0xb)).error().code, Errc::busy);
    EXPECT_EQ(medium->adopt_epoch(*second, epoch(5, 0xb)), Errc::busy);
    first->busy = false;
    first->end();
    EXPECT_TRUE(promise(*second, epoch(5, 0xb)).has_value());
}

TEST_F(MediumPromise, M6DetachingCountsAsEnded) {
    FakeSession third(loop);
    medium->attach(third);
    ASSERT_TRUE(promise(third, epoch(4, 0xa)).has_value());
    third.busy = true;
    std::optional<Result<LabelImage>> answer;
    medium->promise(*second, *peek(*second), epoch(5, 0xb),
                    [&](Result<LabelImage> result) { answer = std::move(result); });
    loop.run_for(std::chrono::seconds(1));
    EXPECT_FALSE(answer);
    medium->detach(third);
    loop.run_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->has_value());
}

TEST_F(MediumPromise, M6LeavesSessionsThatOnlyLookAlone) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_TRUE(second->fenced_by.empty());
    EXPECT_EQ(io(*second, Operation::read), Errc::ok);
}

TEST_F(MediumPromise, M6EndsASessionThatWroteToTheMediumBeforeItWasLabelled) {
    platter.write(label_copy(medium_bytes, 0).offset, Bytes(4096));
    const Peek blank = *peek(*second);
    ASSERT_EQ(io(*first, Operation::write), Errc::ok);
    ASSERT_TRUE(write_label(*second, blank, encode_label(small_label())).has_value());
    ASSERT_TRUE(promise(*second, epoch(1, 0xb)).has_value());
    EXPECT_EQ(first->fenced_by, std::vector<Epoch>{epoch(1, 0xb)});
    EXPECT_EQ(io(*first, Operation::write), Errc::refused);
    ASSERT_TRUE(promise(*second, epoch(2, 0xb)).has_value());
    EXPECT_EQ(first->fenced_by.size(), 1u) << "it has ended, and only looks since";
}

TEST_F(MediumPromise, M6AHigherOneWhileWaitingWins) {
    FakeSession third(loop);
    medium->attach(third);
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    first->busy = true;
    std::optional<Result<LabelImage>> lower;
    std::optional<Result<LabelImage>> higher;
    medium->promise(*second, *peek(*second), epoch(5, 0xb),
                    [&](Result<LabelImage> result) { lower = std::move(result); });
    loop.run_for(std::chrono::seconds(1));
    medium->promise(third, *peek(third), epoch(6, 0xc), [&](Result<LabelImage> result) { higher = std::move(result); });
    loop.run_for(std::chrono::seconds(1));
    ASSERT_TRUE(lower) << "superseded: what waits for it may be what the higher one waits for";
    EXPECT_EQ(lower->error().code, Errc::fenced);
    first->end();
    loop.run_for(std::chrono::seconds(1));
    ASSERT_TRUE(higher);
    EXPECT_TRUE(higher->has_value());
    EXPECT_TRUE(second->epoch.none());
    medium->detach(third);
}

TEST_F(MediumPromise, FailsWhenTheDiskDoesNotWriteItAndChangesNothing) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    platter.fail(Operation::write, {0, medium_bytes}, Errc::medium_error);
    EXPECT_EQ(promise(*second, epoch(5, 0xb)).error().code, Errc::medium_error);
    platter.clear_failures();
    EXPECT_TRUE(first->fenced_by.empty());
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
}

TEST_F(MediumPromise, WhoseFlushFailedIsNotAcknowledged) {
    const Peek seen = *peek(*first);
    platter.fail(Operation::flush, {0, medium_bytes}, Errc::io_error, 1);
    EXPECT_FALSE(promise(*first, seen, epoch(4, 0xa)).has_value());
    EXPECT_TRUE(first->epoch.none());
}

TEST_F(MediumPromise, SurvivesACopyThatRotsAfterwards) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Bytes kept = platter.read(label_copy(medium_bytes, copy));
        platter.write(label_copy(medium_bytes, copy).offset, Bytes(512, std::byte{0xee}));
        EXPECT_EQ(on_disk().label->promised, epoch(4, 0xa)) << "copy " << copy;
        platter.write(label_copy(medium_bytes, copy).offset, kept);
    }
}

TEST_F(MediumPromise, SucceedsOnOneCopyWhenTheOtherCannotBeWritten) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    const unsigned second_copy = 1 - on_disk().next_copy;
    platter.fail(Operation::write, label_copy(medium_bytes, second_copy), Errc::medium_error);
    EXPECT_TRUE(promise(*first, epoch(5, 0xa)).has_value());
    EXPECT_EQ(events.count("label-copy-bad"), 1u);
    platter.clear_failures();
    EXPECT_EQ(on_disk().label->promised, epoch(5, 0xa));
}

TEST_F(MediumPromise, ACrashAtAnyMomentLeavesTheOldLabelOrTheNewOne) {
    unsigned old_labels = 0;
    unsigned new_labels = 0;
    Epoch last = epoch(0, 0);
    for (std::uint64_t number = 1; number < 120; ++number) {
        const Peek seen = *peek(*first);
        bool answered = false;
        medium->promise(*first, seen, epoch(number, 0xa),
                        [&](Result<LabelImage> result) { answered = result.has_value(); });
        loop.run_for(std::chrono::microseconds(loop.below(1500)));
        const bool acknowledged = answered;
        kill_and_restart([&] { number % 2 == 0 ? platter.power_loss() : platter.crash(); });
        ASSERT_EQ(medium->label_state(), LabelState::valid);
        const Epoch found = medium->label()->promised;
        ASSERT_TRUE(found == last || found == epoch(number, 0xa));
        ASSERT_TRUE(!acknowledged || found == epoch(number, 0xa));
        (found == last ? old_labels : new_labels) += 1;
        last = found;
    }
    EXPECT_GT(old_labels, 10u);
    EXPECT_GT(new_labels, 10u);
}

class MediumEpochs : public MediumPromise {};

TEST_F(MediumEpochs, AReconnectingHeadTakesItsPromisedEpoch) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    restart();
    EXPECT_EQ(medium->adopt_epoch(*first, epoch(4, 0xa)), Errc::ok);
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
}

TEST_F(MediumEpochs, AFencedHeadIsToldSo) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(medium->adopt_epoch(*second, epoch(3, 0xb)), Errc::fenced);
    EXPECT_EQ(medium->adopt_epoch(*second, epoch(4, 0xb)), Errc::fenced);
    EXPECT_TRUE(second->epoch.none());
}

TEST_F(MediumEpochs, AnEpochThatTheLabelNeverSawIsRefused) {
    EXPECT_EQ(medium->adopt_epoch(*first, epoch(4, 0xa)), Errc::refused);
    EXPECT_EQ(medium->adopt_epoch(*first, Epoch{}), Errc::refused);
}

TEST_F(MediumEpochs, PeekShowsALiveHeadToOthersOnly) {
    first->opener = "tgtd[7] on alpha";
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(peek(*second)->live, (LiveHead{epoch(4, 0xa), "tgtd[7] on alpha"}));
    EXPECT_NE(events.entries.back().line.find("by=\"tgtd[7] on alpha\""), std::string::npos);
    EXPECT_EQ(peek(*first)->live, std::nullopt);
}

TEST_F(MediumEpochs, PeekDoesNotShowAHeadsOwnOtherConnection) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    ASSERT_EQ(medium->adopt_epoch(*second, epoch(4, 0xa)), Errc::ok);
    EXPECT_EQ(peek(*second)->live, std::nullopt);
}

TEST_F(MediumEpochs, PeekDoesNotShowAClosingOrFencedSession) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    first->closing = true;
    EXPECT_EQ(peek(*second)->live, std::nullopt);
    first->closing = false;
    FakeSession third(loop);
    medium->attach(third);
    ASSERT_TRUE(promise(*second, epoch(5, 0xb)).has_value());
    EXPECT_EQ(peek(third)->live, (LiveHead{epoch(5, 0xb), {}}));
    medium->detach(third);
}

TEST_F(MediumEpochs, ServedIsDurableWhenItIsAnswered) {
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    ASSERT_TRUE(mark_served(*first, epoch(4, 0xa)).has_value());
    kill_and_restart([&] { platter.power_loss(); });
    EXPECT_EQ(medium->label()->served, epoch(4, 0xa));
}

TEST_F(MediumEpochs, ServedNeedsThePromisedEpoch) {
    EXPECT_EQ(mark_served(*first, epoch(4, 0xa)).error().code, Errc::fenced);
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(mark_served(*second, epoch(4, 0xa)).error().code, Errc::fenced) << "it has not taken it";
    ASSERT_TRUE(promise(*second, epoch(5, 0xb)).has_value());
    EXPECT_EQ(mark_served(*first, epoch(4, 0xa)).error().code, Errc::fenced);
    EXPECT_TRUE(medium->label()->served.none());
}

TEST_F(MediumEpochs, M14AReplacedConnectionEndsBeforeTheNewOneIsAnswered) {
    first->connection = id_of(0xc1);
    first->busy = true;
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    std::optional<Result<void>> answer;
    medium->replace(*second, id_of(0xc1), [&](Result<void> result) { answer = result; });
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(first->fenced_by, std::vector<Epoch>{epoch(4, 0xa)});
    EXPECT_FALSE(answer);
    first->end();
    loop.run_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->has_value());
}

TEST_F(MediumEpochs, M14AReplacedConnectionThatDoesNotEndIsBusy) {
    first->connection = id_of(0xc1);
    first->busy = true;
    std::optional<Result<void>> answer;
    medium->replace(*second, id_of(0xc1), [&](Result<void> result) { answer = result; });
    loop.run_for(Medium::fence_limit + std::chrono::seconds(1));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().code, Errc::busy);
}

TEST_F(MediumEpochs, M14AConnectionThatIsGoneIsReplacedAtOnce) {
    std::optional<Result<void>> answer;
    medium->replace(*second, id_of(0xc1), [&](Result<void> result) { answer = result; });
    EXPECT_FALSE(answer) << "never from inside";
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(answer && answer->has_value());
}

}  // namespace
}  // namespace dst
