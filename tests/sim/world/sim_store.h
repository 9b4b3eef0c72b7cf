#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/store.h"
#include "simworld/sim_loop.h"

namespace dst::sim {

class SimStore;

/// The file below a SimStore: outlives the process that has it open.
class SimStoreFile {
public:
    explicit SimStoreFile(SimLoop& loop, std::string name = "/var/lib/dst/sim.journal", const Id& machine = {{1}});
    SimStoreFile(const SimStoreFile&) = delete;
    SimStoreFile& operator=(const SimStoreFile&) = delete;

    /// The process dies, and the machine's power with it: a slot write under way leaves the old slot, the new one, or
    /// a mixture. Releases the lock; a process that was only about to open the file does not take it any more.
    void crash();
    /// A copy of `other`'s bytes, with an inode of its own, on `machine`.
    void copy_from(const SimStoreFile& other, const Id& machine);
    void remove();
    /// What lies here and what was moved aside, if anything was, change places. Who has a file open goes on writing to
    /// it where it is, and hears that it is not at its place.
    void swap_aside();

    std::array<Bytes, 2> slots;
    Id machine;
    std::uint64_t inode = 0;  ///< 0: the file is not there
    /// The next operations answer it and change nothing.
    Errc fail_open = Errc::ok;
    Errc fail_write = Errc::ok;
    bool fails_in_part = false;  ///< a write that fails leaves the old slot, the new one, or a mixture
    Duration latency_min = std::chrono::microseconds(100);
    Duration latency_max = std::chrono::milliseconds(4);
    void set_latency(Duration min = std::chrono::microseconds(100), Duration max = std::chrono::milliseconds(4));
    /// What is asked for is answered when that ends: a write is carried out then.
    void set_hung(bool hung);
    bool hung() const noexcept { return hung_; }

    /// Whether anything of that has ever happened to it; whoever does it says so.
    bool touched = false;

    /// Called after each write.
    std::function<void(const Bytes&)> on_written;

    const std::string& name() const noexcept { return name_; }
    bool locked() const noexcept { return opener_ != nullptr; }
    std::uint64_t writes() const noexcept { return writes_; }

private:
    friend class SimStore;
    SimLoop& loop_;
    std::string name_;
    SimStore* opener_ = nullptr;
    bool hung_ = false;
    std::array<Bytes, 2> slots_aside_;
    std::uint64_t inode_aside_ = 0;
    std::vector<SimStore*> stores_;  ///< of all processes, open or not
    std::uint64_t writes_ = 0;
};

/// A Store on such a file. The file must outlive it.
class SimStore final : public Store {
public:
    SimStore(SimLoop& loop, SimStoreFile& file);
    ~SimStore() override;

    void open(Callback<StoreContents> done) override;
    void write(unsigned slot, Bytes bytes, Callback<void> done) override;
    const std::string& name() const override { return file_.name(); }

private:
    friend class SimStoreFile;
    struct Write {
        unsigned slot;
        Bytes bytes;
        Callback<void> done;
    };
    /// At once, or when the file does not hang any more.
    void when_it_answers(std::function<void()> run);
    void finish_due();
    void finish_open(const Callback<StoreContents>& done);
    void finish_write();
    void sever();
    bool aside() const noexcept { return opened_ != 0 && opened_ == file_.inode_aside_; }
    Bytes& slot_of(const Write& write);

    SimLoop& loop_;
    SimStoreFile& file_;
    std::uint64_t opened_ = 0;  ///< its inode
    bool severed_ = false;
    std::unique_ptr<Write> writing_;
    std::vector<std::function<void()>> due_;  ///< wait for a hang to end
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
