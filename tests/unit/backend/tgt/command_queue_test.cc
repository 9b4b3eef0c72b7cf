#include "tgt/command_queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <set>
#include <thread>

#include "support/memory_device.h"
#include "tgt/attachment.h"

namespace dst::tgt {
namespace {

std::shared_ptr<Port> make_port() { return Port::make().value(); }

ScsiCommand::Input tagged(std::size_t number) {
    ScsiCommand::Input input;
    input.tag = reinterpret_cast<void*>(number);
    return input;
}

/// Plays the storage: sends back everything that was handed over.
std::size_t send_back(Port& port) {
    std::size_t count = 0;
    ScsiCommand* command = nullptr;
    while (port.to_storage.pop(command)) {
        EXPECT_TRUE(port.to_tgtd.push(command));
        ++count;
    }
    return count;
}

TEST(CommandQueue, HandsOverNoMoreThanTheRingsHold) {
    const auto port = make_port();
    CommandQueue queue(port);
    constexpr std::size_t total = 2 * Port::capacity + 100;
    for (std::size_t i = 1; i <= total; ++i) ASSERT_TRUE(queue.submit(tagged(i)));
    std::set<void*> back;
    EXPECT_EQ(send_back(*port), Port::capacity);
    for (int round = 0; round < 10 && back.size() < total; ++round) {
        queue.drain([&](const ScsiCommand& command) { EXPECT_TRUE(back.insert(command.input.tag).second); });
        send_back(*port);
    }
    EXPECT_EQ(back.size(), total);
    EXPECT_EQ(queue.out(), 0u);
}

TEST(CommandQueue, KeepsTheOrderOfSubmission) {
    const auto port = make_port();
    CommandQueue queue(port);
    for (std::size_t i = 1; i <= 10; ++i) queue.submit(tagged(i));
    for (std::size_t i = 1; i <= 10; ++i) {
        ScsiCommand* command = nullptr;
        ASSERT_TRUE(port->to_storage.pop(command));
        EXPECT_EQ(command->input.tag, reinterpret_cast<void*>(i));
        ASSERT_TRUE(port->to_tgtd.push(command));
    }
    queue.drain([](const ScsiCommand&) {});
}

TEST(CommandQueue, TakesMoreFromInsideAnAnswer) {
    const auto port = make_port();
    CommandQueue queue(port);
    queue.submit(tagged(1));
    send_back(*port);
    queue.drain([&](const ScsiCommand& command) {
        if (command.input.tag == reinterpret_cast<void*>(std::size_t{1})) queue.submit(tagged(2));
    });
    EXPECT_EQ(queue.out(), 1u);
    send_back(*port);
    queue.drain([](const ScsiCommand&) {});
}

TEST(CommandQueue, ClosingRefusesAndReturnsWhatWaits) {
    const auto port = make_port();
    CommandQueue queue(port);
    for (std::size_t i = 1; i <= Port::capacity + 5; ++i) queue.submit(tagged(i));
    queue.close();
    EXPECT_FALSE(queue.submit(tagged(9999)));
    std::size_t cancelled = 0;
    queue.drain([&](const ScsiCommand& command) { cancelled += asks_to_send_again(command.answer.outcome) ? 1 : 0; });
    EXPECT_EQ(cancelled, 5u);
    EXPECT_EQ(queue.out(), Port::capacity);
    send_back(*port);
    queue.drain([](const ScsiCommand&) {});
    EXPECT_EQ(queue.out(), 0u);
}

/// The real thing: commands from this thread, a Lun on a loop of another one.
class BothThreads : public ::testing::Test {
protected:
    static constexpr std::uint64_t size_bytes = 1u << 20;

    BothThreads() : port(make_port()), queue(port) {
        storage = std::thread([this] { loop.run(); });
        on_loop([this] {
            device = std::make_unique<test::MemoryDevice>(loop, size_bytes);
            attachment = std::make_shared<Attachment>(loop, *device, Lun::Config{size_bytes / 512, 512}, port);
            attachment->start();
        });
    }

    ~BothThreads() override {
        on_loop([this] {
            if (attachment != nullptr) std::exchange(attachment, nullptr)->close();
        });
        loop.stop();
        storage.join();
        drain_until(0);
    }

    void on_loop(std::function<void()> run) { loop.post_from_any_thread(std::move(run)); }

    void drain_until(std::size_t out) {
        while (queue.out() > out) {
            pollfd poll{port->tgtd_bell.fd(), POLLIN, 0};
            ASSERT_EQ(::poll(&poll, 1, 10'000), 1) << "a wake-up was lost";
            queue.drain([this](const ScsiCommand& command) {
                ++answered;
                good += command.answer.outcome == Outcome{} ? 1 : 0;
            });
        }
    }

    ScsiCommand::Input write_of(std::vector<std::byte>& data, std::uint8_t lba) {
        ScsiCommand::Input input;
        input.cdb[0] = static_cast<std::uint8_t>(Opcode::write_10);
        input.cdb[5] = lba;
        input.cdb[8] = 1;
        input.data_out = data;
        return input;
    }

    AsioLoop loop;
    std::shared_ptr<Port> port;
    CommandQueue queue;
    std::unique_ptr<test::MemoryDevice> device;
    std::shared_ptr<Attachment> attachment;
    std::thread storage;
    std::size_t answered = 0;
    std::size_t good = 0;
};

TEST_F(BothThreads, EveryCommandIsAnsweredOnce) {
    std::vector<std::byte> data(512, std::byte{7});
    constexpr std::size_t total = 50'000;
    for (std::size_t i = 0; i < total; ++i) {
        ASSERT_TRUE(queue.submit(write_of(data, static_cast<std::uint8_t>(i % 100))));
        if (queue.out() >= 64) drain_until(32);
    }
    drain_until(0);
    EXPECT_EQ(answered, total);
    EXPECT_EQ(good, total);
}

TEST_F(BothThreads, OneAtATimeIsNeverForgotten) {
    std::vector<std::byte> data(512, std::byte{7});
    for (std::size_t i = 0; i < 5'000; ++i) {
        ASSERT_TRUE(queue.submit(write_of(data, 1)));
        drain_until(0);
    }
    EXPECT_EQ(good, 5'000u);
}

TEST_F(BothThreads, ClosingUnderLoadAnswersEverything) {
    std::vector<std::byte> data(512, std::byte{7});
    for (std::size_t i = 0; i < 3'000; ++i) ASSERT_TRUE(queue.submit(write_of(data, static_cast<std::uint8_t>(i))));
    queue.close();
    on_loop([this] { std::exchange(attachment, nullptr)->close(); });
    drain_until(0);
    EXPECT_EQ(answered, 3'000u);
}

}  // namespace
}  // namespace dst::tgt
