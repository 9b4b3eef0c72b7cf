#pragma once

#include <memory>
#include <string>

#include "asio/worker.h"
#include "block/store.h"

namespace dst {

/// This machine's id: /etc/machine-id, hashed. Without that file, an id that lasts until the next boot.
Id machine_id();

/// Reads a store's file without locking or changing it, for inspection. Blocks.
Result<StoreContents> read_store_file(const std::string& path);

/// What lies at the path of a store, whatever it is.
struct LookedAtStore {
    bool has_header = false;  ///< of at least one slot. Else open() refuses the file, unless it is `unmade`
    bool unmade = false;      ///< empty, or zeroes of a store's size: its making was interrupted, open() makes it again
    bool store_sized = false;  ///< exactly as large as a store
    StoreContents contents;    ///< without a header: what lies where the slots' contents would
};
/// As read_store_file(), of any regular file.
Result<LookedAtStore> look_at_store_file(const std::string& path);

/// The Store in one file: two slots at fixed places, an open-file-description lock held for life, room for both slots
/// allocated when the file is made. Missing folders above it are made. A file that holds something else is refused and
/// not changed. All file calls run on a helper thread; destroying the store waits for none that hangs (the lock then
/// ends with that call).
///
/// Slot k lies at k * (4 KiB + slot_bytes_max): 8 bytes magic, 8 bytes little-endian length, and from 4 KiB on the
/// bytes. A new file has both headers, with length 0. What is torn is for the reader to notice: the bytes carry a
/// checksum of their own. docs/disk_format.md, "Journal", has all of it.
class FileStore : public Store {
public:
    FileStore(AsioLoop& loop, std::string path);
    ~FileStore() override;

    void open(Callback<StoreContents> done) override;
    void write(unsigned slot, Bytes bytes, Callback<void> done) override;
    const std::string& name() const override { return path_; }

private:
    struct File;
    std::string path_;
    std::shared_ptr<File> file_;
    Worker worker_;
};

}  // namespace dst
