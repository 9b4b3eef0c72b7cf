// A medium whose name stands for another one: what is open gives way when it is looked at and nobody uses it.
#include "media/medium.h"
#include "support/medium_fixture.h"

namespace dst {
namespace {

using test::FakeSession;
using test::id_of;

class MediumReplace : public test::MediumFixture {
protected:
    void put_another_there() { platter.rename_over({{}, 2 * medium_bytes}); }
    bool comes_up() {
        return loop.run_until([&] { return medium->up(); }, std::chrono::seconds(1));
    }
    void stays(FakeSession& asker) {
        EXPECT_TRUE(peek(asker).has_value());
        EXPECT_TRUE(medium->up());
        EXPECT_EQ(medium->geometry().size_bytes, medium_bytes - label_area_bytes);
        EXPECT_EQ(events.count("medium-replaced"), 0u);
    }
    void gives_way(FakeSession& asker) {
        EXPECT_EQ(peek(asker).error().code, Errc::disconnected);
        EXPECT_FALSE(medium->up());
        ASSERT_TRUE(comes_up());
        EXPECT_EQ(medium->geometry().size_bytes, 2 * medium_bytes - label_area_bytes);
        EXPECT_EQ(medium->label_state(), LabelState::absent);
        EXPECT_EQ(events.count("medium-replaced"), 1u);
        EXPECT_EQ(events.count("medium-down"), 0u);
    }
};

TEST_F(MediumReplace, APeekOpensWhatTheNameStandsForNow) {
    label();
    open();
    put_another_there();
    gives_way(*first);
    EXPECT_EQ(first->downs.size(), 1u);
    EXPECT_EQ(second->ups, 2);
    EXPECT_TRUE(peek(*first).has_value());
}

TEST_F(MediumReplace, NobodyLooksWhileNobodyPeeks) {
    label();
    open();
    put_another_there();
    EXPECT_EQ(io(*first, Operation::read), Errc::ok);
    loop.run_for(std::chrono::minutes(2));
    EXPECT_TRUE(first->downs.empty());
    gives_way(*first);
}

TEST_F(MediumReplace, StaysWhileAnotherHeadUsesIt) {
    label();
    open();
    FakeSession head(loop);
    medium->attach(head);
    ASSERT_TRUE(promise(head, epoch(3, 7)).has_value());
    put_another_there();
    stays(*first);
    medium->detach(head);
    gives_way(*first);
}

TEST_F(MediumReplace, AHeadThatPeeksLetsGoOfWhatItWasPromised) {
    label();
    open();
    ASSERT_TRUE(promise(*first, epoch(3, 7)).has_value());
    put_another_there();
    gives_way(*first);
}

TEST_F(MediumReplace, AHeadsOtherConnectionDoesNotHoldItForItself) {
    label();
    open();
    ASSERT_TRUE(promise(*first, epoch(3, 7)).has_value());
    ASSERT_EQ(medium->adopt_epoch(*second, epoch(3, 7)), Errc::ok);
    put_another_there();
    gives_way(*second);
}

TEST_F(MediumReplace, AConnectionThatIsGoneDoesNotHoldIt) {
    label();
    open();
    ASSERT_TRUE(promise(*first, epoch(3, 7)).has_value());
    first->closing = true;
    put_another_there();
    gives_way(*second);
}

TEST_F(MediumReplace, StaysWhileItIsInitialised) {
    open();
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
    put_another_there();
    stays(*second);
}

TEST_F(MediumReplace, RequestsThatRunOnItEndBeforeItGoes) {
    open();
    Bytes memory(4096);
    const Piece piece{memory.data(), memory.size()};
    bool ended = false;
    Request request;
    request.operation = Operation::read;
    request.extent = {0, memory.size()};
    request.pieces = {&piece, 1};
    request.owner = &ended;
    request.done = [](Request& done) { *static_cast<bool*>(done.owner) = true; };
    put_another_there();
    platter.set_hung(true);
    medium->submit(request);
    EXPECT_EQ(peek(*first).error().code, Errc::disconnected);
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(ended);
    platter.set_hung(false);
    loop.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(medium->up());
}

TEST_F(MediumReplace, APeekIsCancelledByAClose) {
    open();
    std::optional<Result<Peek>> answer;
    medium->peek(*first, [&](Result<Peek> result) { answer = std::move(result); });
    loop.run_for(std::chrono::microseconds(1));
    restart();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->error().code, Errc::cancelled);
}

/// A simulated disk of which a test says what its name stands for.
class NamedDisk final : public RawMedium, private BlockDevice::Observer {
public:
    NamedDisk(sim::SimLoop& loop, sim::SimPlatter& platter, const NameFinding& finding)
        : loop_(loop), disk_(loop, platter, "/dev/sim"), finding_(finding) {
        disk_.set_observer(this);
    }
    void open() override { disk_.open(); }
    void probe(Callback<Probe> done) override { disk_.probe(std::move(done)); }
    void look_at_name(std::function<void(NameFinding)> done) override {
        loop_.defer([done = std::move(done), found = finding_] { done(found); });
    }
    const std::string& name() const override { return disk_.name(); }
    const Geometry& geometry() const override { return disk_.geometry(); }
    bool up() const override { return disk_.up(); }
    Incarnation incarnation() const override { return disk_.incarnation(); }
    void submit(Request& request) override { disk_.submit(request); }
    void cut(const Error& why) override { disk_.cut(why); }
    void close(std::function<void()> closed) override { disk_.close(std::move(closed)); }

private:
    void on_up(BlockDevice&) override { notify_up(); }
    void on_down(BlockDevice&, const Error& why) override { notify_down(why); }

    sim::SimLoop& loop_;
    sim::SimDisk disk_;
    const NameFinding& finding_;
};

class MediumResized : public MediumReplace {
protected:
    void open_named() {
        restart_with(std::make_unique<NamedDisk>(loop, platter, finding));
        open();
    }
    bool reopened() {
        const bool answered = peek(*first).has_value();
        EXPECT_TRUE(comes_up());
        EXPECT_EQ(events.count("medium-replaced"), answered ? 0u : 1u);
        return !answered;
    }
    NameFinding finding = NameFinding::same;
};

TEST_F(MediumResized, StaysWhereNothingHasChanged) {
    open_named();
    EXPECT_FALSE(reopened());
}

TEST_F(MediumResized, OneThatGrewStaysWithItsLabel) {
    label();
    open_named();
    finding = NameFinding::grown;
    EXPECT_FALSE(reopened());
}

TEST_F(MediumResized, OneThatGrewIsOpenedAnewWithoutALabel) {
    open_named();
    finding = NameFinding::grown;
    EXPECT_TRUE(reopened());
}

TEST_F(MediumResized, OneThatShrankIsOpenedAnew) {
    label();
    open_named();
    finding = NameFinding::shrunk;
    EXPECT_TRUE(reopened());
}

}  // namespace
}  // namespace dst
