#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "block/loop.h"
#include "block/raw_medium.h"
#include "block/status.h"

namespace dst {

/// A storage that is opened once and closed: what TreeMedium makes of a storage engine. Destroy it after `closed` was
/// called, outside its own callbacks; or when it was never opened.
class TreeStorage {
public:
    /// Never called from inside open() or close(); nothing is called after close().
    class Observer {
    public:
        virtual ~Observer() = default;
        virtual void on_serving() = 0;
        /// It will not serve unless the user does something; `fenced`: another head has it. close() is still due.
        virtual void on_failed(const Error& why) = 0;
    };

    virtual ~TreeStorage() = default;
    virtual void open() = 0;
    /// Lives as long as this object.
    virtual BlockDevice& root() = 0;
    virtual Geometry geometry() const = 0;
    virtual StorageStatus status() const = 0;
    virtual void close(std::function<void()> closed) = 0;
};

/// What a whole tree as one medium runs on.
struct TreeEnvironment {
    Loop& loop;
    std::string storage;  ///< its name
    std::function<std::unique_ptr<TreeStorage>(TreeStorage::Observer&)> make;
    /// What libblkid sees on the device, which stays until `done` is called.
    std::function<void(BlockDevice& device, const std::string& name, Callback<Probe> done)> probe;
};

/// A whole tree as one medium: an exported storage of its own, opened here by a head of its own. The label of what is
/// above lies at the end of the tree's device; the tree's own labels lie on its leaves. The tree must be initialised.
class TreeMedium final : public RawMedium, private TreeStorage::Observer, private BlockDevice::Observer {
public:
    explicit TreeMedium(TreeEnvironment environment);
    ~TreeMedium() override;

    /// Of the storage, while it is open.
    std::optional<StorageStatus> status() const;

    void open() override;
    void probe(Callback<Probe> done) override;
    /// A tree is what its file says.
    void look_at_name(std::function<void(NameFinding)> done) override;
    const std::string& name() const override { return name_; }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return up_; }
    Incarnation incarnation() const override { return incarnation_; }
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

private:
    enum class Stage { none, starting, serving, ending };

    void on_serving() override;
    void on_failed(const Error& why) override;
    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;

    void start();
    void come_up();
    void tell_down(const Error& why);
    void waited();
    void end_storage();
    void storage_ended();

    TreeEnvironment environment_;
    Loop& loop_;
    std::string name_;
    std::unique_ptr<TreeStorage> storage_;
    Stage stage_ = Stage::none;
    bool wanted_ = false;  ///< open() was called and not answered yet
    bool up_ = false;
    bool fenced_ = false;
    Geometry geometry_;
    Incarnation incarnation_;
    Error why_down_;
    Task down_notice_;
    Task up_notice_;
    Timer patience_;
    Callback<Probe> probed_;
    std::shared_ptr<int> life_ = std::make_shared<int>(0);  ///< lets a probe that comes too late notice
    std::function<void()> closed_;
};

}  // namespace dst
