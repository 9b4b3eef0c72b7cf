#include "server/exported_tree.h"

#include <utility>

#include "head/open_storage.h"
#include "server/tree_probe.h"
#include "start/tree_medium.h"

namespace dst {
namespace {

class ExportedTree final : public TreeStorage, private OpenStorage::Observer {
public:
    ExportedTree(AsioLoop& loop, const spec::Storage& storage, const HeadOptions& options,
                 TreeStorage::Observer& observer)
        : observer_(observer), storage_(loop, storage, options, static_cast<OpenStorage::Observer&>(*this)) {}

    void open() override { storage_.open(); }
    BlockDevice& root() override { return storage_.root(); }
    Geometry geometry() const override { return storage_.geometry(); }
    StorageStatus status() const override { return storage_.status(); }
    void close(std::function<void()> closed) override { storage_.close(std::move(closed)); }

private:
    void on_sized() override {}
    void on_serving() override { observer_.on_serving(); }
    void on_failed(const Error& why) override { observer_.on_failed(why); }
    /// It is opened anew when a head wants it; until then its disks and its journal are free, for dstctl init too.
    void on_refused(const Error& why) override { observer_.on_failed(why); }

    TreeStorage::Observer& observer_;
    OpenStorage storage_;
};

}  // namespace

std::unique_ptr<RawMedium> make_tree_medium(AsioLoop& loop, spec::Storage storage, HeadOptions options) {
    options.outermost = false;
    TreeEnvironment environment{loop, storage.name, {}, {}};
    environment.make = [&loop, storage = std::move(storage), options](TreeStorage::Observer& observer) {
        return std::make_unique<ExportedTree>(loop, storage, options, observer);
    };
    environment.probe = [&loop](BlockDevice& device, const std::string& name, Callback<Probe> done) {
        probe_tree(loop, device, name, std::move(done));
    };
    return std::make_unique<TreeMedium>(std::move(environment));
}

}  // namespace dst
