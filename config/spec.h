#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Plain values of the two YAML files: the storage file (one tree and how to treat it) and the netnode file (what a
/// machine exports). Read and checked by config/yaml; made by hand in tests. All sizes in bytes.
namespace dst::spec {

using Milliseconds = std::chrono::milliseconds;

/// Where something stands in its file, counted from 1; zero when it does not come from a file.
struct Position {
    unsigned line = 0;
    unsigned column = 0;
    bool operator==(const Position&) const = default;
};

enum class ReadPreference { automatic, prefer, avoid };

/// A file or block device of this machine.
struct Disk {
    std::string path;  ///< absolute
    bool operator==(const Disk&) const = default;
};

/// A disk or tree that another machine exports.
struct Netnode {
    std::string address;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 0;
    std::string export_name;
    unsigned connections = 1;  ///< 1..8
    bool operator==(const Netnode&) const = default;
};

struct Node;

/// Children in order, sizes summed.
struct Linear {
    std::vector<Node> children;  ///< at least one
    bool operator==(const Linear&) const = default;
};

/// N copies.
struct Mirror {
    std::optional<std::uint64_t> region_bytes;  ///< power of two, 64 KiB..1 GiB; absent: chosen by size
    std::vector<Node> members;                  ///< 1..8
    bool operator==(const Mirror&) const = default;
};

/// One vertex. `name` is unique in the tree: as given, else the short form of a leaf ("node1.example:7790/disk0",
/// "/dev/sdb"), else "linear0", "mirror0", "mirror1"... in reading order.
struct Node {
    std::string name;
    ReadPreference read = ReadPreference::automatic;
    Position position;
    std::variant<Disk, Netnode, Linear, Mirror> what;

    bool operator==(const Node&) const = default;
};

enum class Replace { blank, never };
enum class Takeover { ask, automatic };

struct OnLoss {
    Milliseconds hold{20'000};      ///< 1 s..25 s: how long a request is held before the initiator is told to retry
    Milliseconds give_up{120'000};  ///< at least hold, up to 1 h: from then on requests fail at once
    bool operator==(const OnLoss&) const = default;
};

struct Resync {
    std::optional<std::uint64_t> rate_bytes_per_second;  ///< absent: max
    std::uint64_t min_rate_bytes_per_second = 10u << 20;
    unsigned parallel = 4;  ///< 1..64
    bool operator==(const Resync&) const = default;
};

struct Policy {
    Milliseconds member_timeout{8'000};  ///< 1 s..60 s
    OnLoss on_loss;
    Replace replace = Replace::blank;
    bool write_cache = true;
    Takeover takeover = Takeover::ask;
    Resync resync;
    bool operator==(const Policy&) const = default;
};

/// A storage file, or an exported tree of a netnode file (its name is then the export's).
struct Storage {
    std::string name;  ///< [A-Za-z0-9][A-Za-z0-9._-]{0,62}
    Node tree;
    Policy policy;
    std::string journal;  ///< absolute path; filled with the default when the file says none
    std::string file;     ///< the file it was read from, for messages
    bool operator==(const Storage&) const = default;
};

struct Listen {
    std::string address;
    std::uint16_t port = 0;
    bool operator==(const Listen&) const = default;
};

/// "192.0.2.0/24": addresses whose first `bits` equal.
struct Network {
    std::string address;
    unsigned bits = 0;
    bool operator==(const Network&) const = default;
};

struct Export {
    std::string name;
    std::variant<Disk, Storage> what;
    std::optional<std::vector<Network>> allow;  ///< absent: everybody
    Position position;
    bool operator==(const Export&) const = default;
};

struct NetnodeFile {
    std::vector<Listen> listen;
    std::vector<Export> exports;
    std::string file;
    bool operator==(const NetnodeFile&) const = default;
};

}  // namespace dst::spec
