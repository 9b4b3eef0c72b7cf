// How a remote leaf loses its netnode, what it does not take from it, and what it notices when it is back.
#include "support/client_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

TEST(RemoteLeafLoss, RequestsInFlightAndWaitingCompleteDisconnected) {
    ClientRig rig;
    rig.opened.requests_max = 3;
    rig.come_up();
    TestRequest sent(Operation::read, {0, 4096}, 4096);
    TestRequest waiting(Operation::read, {0, 4096}, 4096);
    rig.leaf->submit(sent.request);
    rig.leaf->submit(waiting.request);
    EXPECT_EQ(rig.orders().size(), 1u);
    rig.lose(rig.wire());
    rig.settle();
    EXPECT_EQ(sent.request.result, Errc::disconnected);
    EXPECT_EQ(waiting.request.result, Errc::disconnected);
    EXPECT_TRUE(sent.completed && waiting.completed);
    EXPECT_EQ(rig.downs, 1u);
    EXPECT_FALSE(rig.leaf->up());
}

TEST(RemoteLeafLoss, ARequestOfWhichPartsAreNotSentYetCompletesDisconnected) {
    ClientRig rig;
    rig.opened.request_bytes_max = 64u << 10;
    rig.opened.buffer_bytes_max = 128u << 10;
    rig.come_up();
    TestRequest first(Operation::read, {0, 128u << 10}, 128u << 10);
    TestRequest second(Operation::read, {0, 128u << 10}, 128u << 10);
    rig.leaf->submit(first.request);
    rig.leaf->submit(second.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 2u);
    rig.send(answer(orders[0].header), Bytes(64u << 10));
    EXPECT_EQ(rig.orders().size(), 1u) << "half of the second one";
    rig.lose(rig.wire());
    rig.settle();
    EXPECT_TRUE(first.completed && second.completed);
    EXPECT_EQ(first.request.result, Errc::disconnected);
    EXPECT_EQ(second.request.result, Errc::disconnected);
    EXPECT_EQ(rig.downs, 1u);
}

TEST(RemoteLeafLoss, M14TheNextOpenNamesTheConnectionItReplaces) {
    ClientRig rig;
    rig.leaf->open();
    const wire::Open first = rig.come_up(rig.wire());
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    ASSERT_EQ(rig.wires.size(), 2u);
    // One that does not come to its end is not what the third replaces.
    rig.handshake(rig.wire());
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(210));
    ASSERT_EQ(rig.wires.size(), 3u);
    const wire::Open third = rig.come_up(rig.wire());
    EXPECT_EQ(third.replaces, first.connection);
    EXPECT_NE(third.connection, first.connection);
    EXPECT_EQ(rig.ups, 2u);
}

TEST(RemoteLeafLoss, M12TheLinkIsCutBeforeARequestWithAPartlySentPayloadEnds) {
    ClientRig rig;
    rig.come_up();
    rig.wire().room = 1000;
    TestRequest request(Operation::write, {0, 65536}, 65536);
    rig.leaf->submit(request.request);
    rig.settle();
    EXPECT_FALSE(request.completed);
    rig.leaf->cut({Errc::timed_out, "too slow"});
    EXPECT_TRUE(rig.wire().closed);
    EXPECT_FALSE(request.completed);
    rig.settle();
    EXPECT_TRUE(request.completed);
    EXPECT_EQ(request.request.result, Errc::disconnected);
    EXPECT_EQ(rig.downs, 1u);
}

TEST(RemoteLeafLoss, ACutIsToldAsOne) {
    ClientRig rig;
    rig.come_up();
    rig.leaf->cut({Errc::timed_out, "write failed: medium error"});
    rig.settle();
    ASSERT_EQ(rig.events.count("netnode-lost"), 1u);
    const std::string& line = rig.events.entries.back().line;
    EXPECT_NE(line.find("cut off from here, and connected anew, because of: write failed: medium error"),
              std::string::npos)
        << line;
    EXPECT_EQ(line.find("timed out"), std::string::npos) << line;
}

TEST(RemoteLeafLoss, ANoticeOfTheNetnodeIsTheReason) {
    ClientRig rig;
    rig.come_up();
    wire::Header notice;
    notice.kind = Kind::close;
    notice.answer = notice.reason = true;
    notice.status = Errc::disconnected;
    rig.send(notice, text_bytes("disk0: its medium went down"));
    EXPECT_EQ(rig.last_down, (Error{Errc::disconnected, "disk0: its medium went down"}));
}

TEST(RemoteLeafLoss, APingWithoutAnswerCutsTheConnection) {
    ClientRig rig;
    rig.come_up();
    rig.loop.run_for(seconds(3));
    const auto pings = rig.orders();
    ASSERT_EQ(pings.size(), 1u);
    EXPECT_EQ(pings[0].header.kind, Kind::ping);
    rig.loop.run_for(seconds(10));
    EXPECT_FALSE(rig.leaf->up());
    EXPECT_EQ(rig.last_down.code, Errc::timed_out);
}

TEST(RemoteLeafLoss, AnsweredPingsKeepItUp) {
    ClientRig rig;
    rig.come_up();
    for (int i = 0; i < 60; ++i) {
        rig.loop.run_for(seconds(1));
        for (const Frame& ping : rig.orders()) rig.send(answer(ping.header));
    }
    EXPECT_TRUE(rig.leaf->up());
}

TEST(RemoteLeafLoss, ARequestThatIsNotAnsweredForAMinuteCutsTheConnection) {
    ClientRig rig;
    rig.come_up();
    TestRequest request(Operation::flush, {});
    rig.leaf->submit(request.request);
    for (int i = 0; i < 59; ++i) {
        rig.loop.run_for(seconds(1));
        for (const Frame& frame : rig.orders()) {
            if (frame.header.kind == Kind::ping) rig.send(answer(frame.header));
        }
    }
    EXPECT_FALSE(request.completed);
    rig.loop.run_for(seconds(3));
    EXPECT_EQ(request.request.result, Errc::disconnected);
    EXPECT_TRUE(request.completed);
}

struct BadAnswer {
    const char* name;
    Bytes (*make)(wire::Header good);
};

class RemoteLeafBadAnswer : public testing::TestWithParam<BadAnswer> {};

TEST_P(RemoteLeafBadAnswer, CutsTheConnection) {
    ClientRig rig;
    rig.come_up();
    TestRequest request(Operation::read, {0, 4096}, 4096);
    rig.leaf->submit(request.request);
    const auto orders = rig.orders();
    receive(rig.wire(), GetParam().make(answer(orders.at(0).header)));
    rig.settle();
    EXPECT_TRUE(rig.wires[0]->closed);
    EXPECT_TRUE(request.completed);
    EXPECT_EQ(request.request.result, Errc::disconnected);
    EXPECT_EQ(rig.events.count("netnode-lost"), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, RemoteLeafBadAnswer,
                         testing::Values(BadAnswer{"APayloadWithAWrongChecksum",
                                                   [](wire::Header good) {
                                                       Bytes bytes = frame_bytes(good, filled(4096, 1));
                                                       bytes.back() ^= std::byte{1};
                                                       return bytes;
                                                   }},
                                         BadAnswer{"AHeaderWithAWrongChecksum",
                                                   [](wire::Header good) {
                                                       Bytes bytes = frame_bytes(good, filled(4096, 1));
                                                       bytes[17] ^= std::byte{1};
                                                       return bytes;
                                                   }},
                                         BadAnswer{"AnUnknownRequest",
                                                   [](wire::Header good) {
                                                       good.request += 1024;
                                                       return frame_bytes(good, filled(4096, 1));
                                                   }},
                                         BadAnswer{"AnotherKind",
                                                   [](wire::Header good) {
                                                       good.kind = Kind::write;
                                                       return frame_bytes(good);
                                                   }},
                                         BadAnswer{"AnotherExtent",
                                                   [](wire::Header good) {
                                                       good.extent.offset += 512;
                                                       return frame_bytes(good, filled(4096, 1));
                                                   }},
                                         BadAnswer{"AnOrder",
                                                   [](wire::Header good) {
                                                       good.answer = false;
                                                       return frame_bytes(good);
                                                   }},
                                         BadAnswer{"Noise", [](wire::Header) { return filled(64, 77); }}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(RemoteLeafBadAnswers, AnAnswerBeforeTheOrderWasSentCutsTheConnection) {
    ClientRig rig;
    rig.come_up();
    rig.wire().room = 200;
    TestRequest request(Operation::write, {0, 4096}, 4096);
    rig.leaf->submit(request.request);
    rig.settle();
    const auto header = wire::decode_header(std::span<const std::byte, 64>(rig.wire().written.data(), 64));
    ASSERT_TRUE(header);
    wire::Header early = answer(*header);
    early.payload_bytes = 0;
    rig.send(early);
    rig.settle();
    EXPECT_TRUE(rig.wires[0]->closed);
    EXPECT_EQ(request.request.result, Errc::disconnected);
}

TEST(RemoteLeafIncarnation, AFlushOfAnotherOneFailsAndTakesTheLeafDown) {
    ClientRig rig;
    rig.come_up();
    TestRequest request(Operation::flush, {});
    rig.leaf->submit(request.request);
    wire::Header other = answer(rig.orders().at(0).header);
    other.incarnation.id = id_of(77);
    rig.send(other);
    EXPECT_EQ(request.request.result, Errc::incarnation_changed);
    EXPECT_FALSE(rig.leaf->up());
}

TEST(RemoteLeafChanges, AnotherOrSmallerMediumIsNoticedAndItsGeometryTaken) {
    ClientRig rig;
    rig.come_up();
    rig.lose(rig.wire());
    rig.opened.medium = id_of(8);
    rig.opened.geometry.size_bytes = 32u << 20;
    rig.loop.run_for(milliseconds(110));
    rig.come_up(rig.wire());
    EXPECT_TRUE(rig.leaf->up());
    EXPECT_EQ(rig.leaf->geometry().size_bytes, 32u << 20);
    EXPECT_EQ(rig.events.count("medium-changed"), 1u);
    EXPECT_EQ(rig.events.count("medium-shrunk"), 1u);
    EXPECT_EQ(rig.ups, 2u);
}

struct OtherMedium {
    const char* name;
    void (*change)(wire::OpenAnswer& opened);
};

class RemoteLeafPin : public testing::TestWithParam<OtherMedium> {};

TEST_P(RemoteLeafPin, M7StaysDownUntilTheRightMediumIsBack) {
    ClientRig rig;
    rig.opened.epoch_accepted = true;
    rig.leaf->set_identity({id_of(1), "/2", {4, id_of(3)}, "tgtd[1] on alpha"});
    rig.come_up();
    const wire::OpenAnswer right = rig.opened;
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    GetParam().change(rig.opened);
    for (int attempt = 0; attempt < 2; ++attempt) {
        rig.come_up(rig.wire());
        EXPECT_FALSE(rig.leaf->up());
        EXPECT_EQ(rig.leaf->last_error().code, Errc::refused);
        EXPECT_TRUE(rig.leaf->found_another());
        EXPECT_NE(rig.leaf->last_error().text.find("expected is"), std::string::npos);
        EXPECT_EQ(rig.leaf->geometry(), right.geometry);
        rig.loop.run_for(seconds(6));
    }
    EXPECT_EQ(rig.events.count("medium-refused"), 1u);
    EXPECT_EQ(rig.ups, 1u);
    rig.opened = right;
    rig.come_up(rig.wire());
    EXPECT_TRUE(rig.leaf->up());
    EXPECT_FALSE(rig.leaf->found_another());
}

/// An exported tree that was started from older data, as ordered there: what is above hears of it.
TEST(RemoteLeafOlderTree, M7TreeWithOlderDataComesUpWithItsOlderLabel) {
    ClientRig rig;
    rig.opened.epoch_accepted = true;
    rig.leaf->set_identity({id_of(1), "/2", {4, id_of(3)}, "tgtd[1] on alpha"});
    rig.come_up();
    const Incarnation right = rig.opened.incarnation;
    rig.opened.epoch_accepted = false;
    rig.opened.incarnation.id.bytes[8] ^= 1;
    ASSERT_FALSE(same_data(right, rig.opened.incarnation));
    for (unsigned ups = 2; ups < 4; ++ups) {
        rig.lose(rig.wire());
        rig.loop.run_for(milliseconds(110));
        rig.come_up(rig.wire());
        EXPECT_TRUE(rig.leaf->up()) << "again and again";
        EXPECT_EQ(rig.leaf->incarnation(), rig.opened.incarnation);
        EXPECT_EQ(rig.ups, ups);
    }
    rig.opened.incarnation = with_other_time(right, id_of(7));
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    rig.come_up(rig.wire());
    EXPECT_FALSE(rig.leaf->up()) << "an older copy";
}

/// Nobody would judge what its incarnation says.
TEST(RemoteLeafOlderTree, M7WithoutAMirrorAboveItStaysDown) {
    ClientRig rig;
    rig.opened.epoch_accepted = true;
    rig.leaf->set_identity({id_of(1), ".1", {4, id_of(3)}, "tgtd[1] on alpha"});
    rig.come_up();
    rig.opened.epoch_accepted = false;
    rig.opened.incarnation.id.bytes[8] ^= 1;
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    rig.come_up(rig.wire());
    EXPECT_FALSE(rig.leaf->up());
    EXPECT_EQ(rig.leaf->last_error().code, Errc::refused);
}

TEST(RemoteLeafLabel, OneThatCannotBeReadIsNotSaidToBeAnotherMediums) {
    ClientRig rig;
    rig.opened.epoch_accepted = true;
    rig.leaf->set_identity({id_of(1), "/2", {4, id_of(3)}, "tgtd[1] on alpha"});
    rig.come_up();
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    rig.opened.label_state = LabelState::unreadable;
    rig.come_up(rig.wire());
    EXPECT_EQ(rig.leaf->last_error().code, Errc::refused);
    EXPECT_FALSE(rig.leaf->found_another());
}

INSTANTIATE_TEST_SUITE_P(
    All, RemoteLeafPin,
    testing::Values(OtherMedium{"ABlankOne",
                                [](wire::OpenAnswer& opened) {
                                    opened.label_state = LabelState::absent;
                                    opened.medium = {};
                                    opened.epoch_accepted = false;
                                }},
                    OtherMedium{"AnotherPartOfTheStorage", [](wire::OpenAnswer& opened) { opened.medium = id_of(8); }},
                    OtherMedium{"AnOlderCopy", [](wire::OpenAnswer& opened) { opened.epoch_accepted = false; }},
                    OtherMedium{"ASmallerOne",
                                [](wire::OpenAnswer& opened) { opened.geometry.size_bytes = 32u << 20; }}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(RemoteLeafChanges, AnAssumedGeometryHoldsUntilTheNetnodeSpeaks) {
    ClientRig rig;
    rig.leaf->assume_geometry({128u << 20, 512, 512, false, false});
    EXPECT_EQ(rig.leaf->geometry().size_bytes, 128u << 20);
    rig.come_up();
    EXPECT_EQ(rig.leaf->geometry().size_bytes, 64u << 20);
    EXPECT_EQ(rig.events.count("medium-shrunk"), 1u);
}

}  // namespace
}  // namespace dst::test
