#include "disk/leaf_factory.h"

#include "disk/file_disk.h"
#include "media/local_leaf.h"

namespace dst {

std::unique_ptr<Leaf> make_disk_leaf(AsioLoop& loop, EventSink& events, const std::string& path,
                                     const DiskOptions& options) {
    return std::make_unique<LocalLeaf>(loop, events, std::make_unique<FileDisk>(loop, events, path, options));
}

}  // namespace dst
