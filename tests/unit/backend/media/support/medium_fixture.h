#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/medium.h"
#include "simworld/null_events.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_loop.h"
#include "support/samples.h"

namespace dst::test {

/// A session that notes what it hears. It ends by itself when fenced, unless `busy` is set: then by end().
class FakeSession final : public Medium::Session {
public:
    explicit FakeSession(Loop& loop) : loop_(loop) {}

    void fence(const Epoch& by, std::function<void()> ended) override {
        fenced_by.push_back(by);
        ended_ = std::move(ended);
        if (!busy) end();
    }
    void on_medium_up() override { ++ups; }
    void on_medium_down(const Error& why) override { downs.push_back(why); }

    void end() { loop_.defer(std::exchange(ended_, nullptr)); }

    bool busy = false;
    int ups = 0;
    std::vector<Error> downs;
    std::vector<Epoch> fenced_by;

private:
    Loop& loop_;
    std::function<void()> ended_;
};

/// A Medium over a simulated disk of 1 MiB, not labelled and not open yet, with two sessions attached.
class MediumFixture : public testing::Test {
protected:
    static constexpr std::uint64_t medium_bytes = 1u << 20;

    MediumFixture();
    ~MediumFixture() override;

    /// Another process' life: closes the medium, opens the same platter again with fresh sessions.
    void restart();
    /// Ends the medium's life, and begins one over `raw`, not open yet.
    void restart_with(std::unique_ptr<RawMedium> raw);
    /// The process dies with what is in flight; then as restart().
    void kill_and_restart(const std::function<void()>& die);
    void open();
    /// Labels the medium past all programs, as `label` says with sequence 1.
    void label(Label label);
    void label() { label(small_label()); }

    /// sample_label() for a medium of this size, promised to and served by nobody.
    static Label small_label();
    static Epoch epoch(std::uint64_t number, std::uint8_t head) { return {number, id_of(head)}; }

    // Each runs the loop until the answer is there.
    Result<Peek> peek(FakeSession& session);
    Result<LabelImage> promise(FakeSession& session, const Peek& seen, const Epoch& epoch);
    /// Peeks and promises.
    Result<LabelImage> promise(FakeSession& session, const Epoch& epoch);
    Result<LabelImage> mark_served(FakeSession& session, const Epoch& epoch);
    Result<LabelImage> write_label(FakeSession& session, const Peek& seen, const LabelImage& image);
    /// Submits what the session is allowed to, and waits for its end; else why it may not.
    Errc io(FakeSession& session, Operation operation, const Extent& extent = {0, 4096});

    /// What lies on the platter.
    LabelChoice on_disk() const;

    sim::SimLoop loop;
    sim::RecordingEvents events;
    sim::SimPlatter platter;
    std::unique_ptr<Medium> medium;
    std::unique_ptr<FakeSession> first;
    std::unique_ptr<FakeSession> second;

private:
    template <typename T>
    Result<T> wait(const std::function<void(Callback<T>)>& begin);
    void make(std::unique_ptr<RawMedium> raw);
    void close();
};

}  // namespace dst::test
