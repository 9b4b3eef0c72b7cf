#include "control/status_json.h"

#include <array>
#include <limits>
#include <string>
#include <utility>

namespace dst {

namespace json = boost::json;

std::string_view to_token(StorageState state) noexcept {
    switch (state) {
        case StorageState::healthy: return "healthy";
        case StorageState::degraded: return "degraded";
        case StorageState::waiting: return "waiting";
        case StorageState::held: return "held";
        case StorageState::failed: return "failed";
        case StorageState::fenced: return "fenced";
        case StorageState::split: return "split";
    }
    return "unknown";
}

std::string_view to_token(VertexKind kind) noexcept {
    switch (kind) {
        case VertexKind::disk: return "disk";
        case VertexKind::netnode: return "netnode";
        case VertexKind::linear: return "linear";
        case VertexKind::mirror: return "mirror";
    }
    return "unknown";
}

std::string_view to_token(VertexState state) noexcept {
    switch (state) {
        case VertexState::up: return "up";
        case VertexState::down: return "down";
        case VertexState::in_sync: return "in_sync";
        case VertexState::dirty: return "dirty";
        case VertexState::resyncing: return "resyncing";
        case VertexState::unreachable: return "unreachable";
        case VertexState::detached: return "detached";
        case VertexState::refused: return "refused";
    }
    return "unknown";
}

namespace {

constexpr std::array storage_states{StorageState::healthy, StorageState::degraded, StorageState::waiting,
                                    StorageState::held,    StorageState::failed,   StorageState::fenced,
                                    StorageState::split};
constexpr std::array vertex_kinds{VertexKind::disk, VertexKind::netnode, VertexKind::linear, VertexKind::mirror};
constexpr std::array vertex_states{VertexState::up,       VertexState::down,      VertexState::in_sync,
                                   VertexState::dirty,    VertexState::resyncing, VertexState::unreachable,
                                   VertexState::detached, VertexState::refused};
constexpr unsigned tree_depth_max = 64;

json::object resync_to_json(const ResyncProgress& resync) {
    return {{"done_bytes", resync.done_bytes},
            {"total_bytes", resync.total_bytes},
            {"bytes_per_second", resync.bytes_per_second}};
}

json::object vertex_to_json(const VertexStatus& vertex) {
    json::object object{{"kind", to_token(vertex.kind)},
                        {"name", vertex.name},
                        {"state", to_token(vertex.state)},
                        {"size_bytes", vertex.size_bytes}};
    if (!vertex.reason.empty()) object["reason"] = vertex.reason;
    if (!vertex.last_error.empty()) object["last_error"] = vertex.last_error;
    if (vertex.resync) object["resync"] = resync_to_json(*vertex.resync);
    if (vertex.children.empty()) return object;
    json::array children;
    for (const VertexStatus& child : vertex.children) children.emplace_back(vertex_to_json(child));
    object["children"] = std::move(children);
    return object;
}

/// Takes an object apart; remembers the first mistake, after which everything reads as empty.
class Reader {
public:
    const json::value* find(const json::object& object, std::string_view key) {
        const json::value* value = object.if_contains(key);
        if (value == nullptr) fail("there is no '" + std::string(key) + "'");
        return value;
    }

    std::string text(const json::object& object, std::string_view key) {
        const json::value* value = find(object, key);
        if (value == nullptr) return {};
        if (!value->is_string()) return fail("'" + std::string(key) + "' is not a string"), std::string();
        return std::string(value->get_string());
    }

    std::uint64_t number(const json::object& object, std::string_view key) {
        const json::value* value = find(object, key);
        if (value == nullptr) return 0;
        boost::system::error_code error;
        const auto number = value->to_number<std::uint64_t>(error);
        if (error || value->is_double()) return fail("'" + std::string(key) + "' is not a whole number"), 0;
        return number;
    }

    const json::object& object(const json::object& parent, std::string_view key) {
        static const json::object none;
        const json::value* value = find(parent, key);
        if (value == nullptr) return none;
        if (!value->is_object()) return fail("'" + std::string(key) + "' is not an object"), none;
        return value->get_object();
    }

    template <typename Enum, std::size_t count>
    Enum word(const json::object& object, std::string_view key, const std::array<Enum, count>& words) {
        const std::string token = text(object, key);
        for (const Enum candidate : words) {
            if (to_token(candidate) == token) return candidate;
        }
        fail("'" + std::string(key) + "' is '" + token + "', which is not known here");
        return words[0];
    }

    void fail(std::string why) {
        if (mistake.empty()) mistake = std::move(why);
    }

    std::string mistake;
};

ResyncProgress resync_from_json(Reader& reader, const json::object& object) {
    ResyncProgress resync;
    resync.done_bytes = reader.number(object, "done_bytes");
    resync.total_bytes = reader.number(object, "total_bytes");
    resync.bytes_per_second = reader.number(object, "bytes_per_second");
    return resync;
}

VertexStatus vertex_from_json(Reader& reader, const json::object& object, unsigned depth) {
    VertexStatus vertex;
    if (depth > tree_depth_max) return reader.fail("the tree is too deep"), vertex;
    vertex.kind = reader.word(object, "kind", vertex_kinds);
    vertex.name = reader.text(object, "name");
    vertex.state = reader.word(object, "state", vertex_states);
    vertex.size_bytes = reader.number(object, "size_bytes");
    if (object.contains("reason")) vertex.reason = reader.text(object, "reason");
    if (object.contains("last_error")) vertex.last_error = reader.text(object, "last_error");
    if (object.contains("resync")) vertex.resync = resync_from_json(reader, reader.object(object, "resync"));
    const json::value* children = object.if_contains("children");
    if (children == nullptr) return vertex;
    if (!children->is_array()) return reader.fail("'children' is not an array"), vertex;
    for (const json::value& child : children->get_array()) {
        if (!child.is_object()) return reader.fail("a child is not an object"), vertex;
        vertex.children.push_back(vertex_from_json(reader, child.get_object(), depth + 1));
    }
    return vertex;
}

}  // namespace

json::object status_to_json(const StorageStatus& status) {
    json::object object{{"storage", status.storage},
                        {"state", to_token(status.state)},
                        {"size_bytes", status.size_bytes},
                        {"logical_block_bytes", status.logical_block_bytes},
                        {"age", {{"id", to_string(status.id)}, {"generation", status.generation}}},
                        {"epoch", status.epoch},
                        {"head", status.head},
                        {"reason", status.reason}};
    if (status.tree) object["tree"] = vertex_to_json(*status.tree);
    return object;
}

Result<StorageStatus> status_from_json(const json::value& value) {
    if (!value.is_object()) return Error{Errc::corrupt, "a storage's status is not an object"};
    const json::object& object = value.get_object();
    Reader reader;
    StorageStatus status;
    status.storage = reader.text(object, "storage");
    status.state = reader.word(object, "state", storage_states);
    status.size_bytes = reader.number(object, "size_bytes");
    const std::uint64_t block_bytes = reader.number(object, "logical_block_bytes");
    if (block_bytes > std::numeric_limits<std::uint32_t>::max()) reader.fail("'logical_block_bytes' is out of range");
    status.logical_block_bytes = static_cast<std::uint32_t>(block_bytes);
    const json::object& age = reader.object(object, "age");
    const std::optional<Id> id = parse_id(reader.text(age, "id"));
    if (!id) reader.fail("'id' is not 32 hexadecimal digits");
    status.id = id.value_or(Id{});
    status.generation = reader.number(age, "generation");
    status.epoch = reader.number(object, "epoch");
    status.head = reader.text(object, "head");
    status.reason = reader.text(object, "reason");
    if (object.contains("tree")) status.tree = vertex_from_json(reader, reader.object(object, "tree"), 1);
    if (!reader.mistake.empty()) return Error{Errc::corrupt, "status of a storage: " + reader.mistake};
    return status;
}

}  // namespace dst
