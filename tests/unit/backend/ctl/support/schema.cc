#include "support/schema.h"

#include <regex.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <set>
#include <sstream>

namespace dst::ctl {
namespace {

namespace json = boost::json;

json::value read_schema(const std::string& file) {
    std::ifstream in(std::string(DST_SOURCE_DIR "/docs/schema/") + file);
    std::stringstream text;
    text << in.rdbuf();
    return json::parse(text.str());
}

bool has_type(const json::value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    return type == "null" && value.is_null();
}

bool matches_pattern(const char* text, const char* pattern) {
    regex_t compiled;
    if (::regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) return false;
    bool matches = ::regexec(&compiled, text, 0, nullptr, 0) == 0;
    ::regfree(&compiled);
    return matches;
}

/// One schema file with the value that is being held against it.
class Validator {
public:
    explicit Validator(const std::string& file) : root_(read_schema(file)) {}

    std::vector<std::string> check(const json::value& value) {
        check(root_, value, "$");
        return std::move(violations_);
    }

    /// To be asked after check().
    std::vector<std::string> differences() {
        look_for_unmet(root_, "");
        return std::move(differences_);
    }

private:
    void fail(const std::string& where, const std::string& what) { violations_.push_back(where + ": " + what); }

    bool holds(const json::value& schema, const json::value& value) {
        auto before = std::move(violations_);
        violations_.clear();
        check(schema, value, "$");
        bool held = violations_.empty();
        violations_ = std::move(before);
        return held;
    }

    void follow(std::string_view target, const json::value& value, const std::string& where) {
        if (!target.starts_with("#/")) {
            for (const auto& violation : schema_violations(std::string(target), value)) fail(where, violation);
            return;
        }
        boost::system::error_code error;
        const json::value* schema = root_.find_pointer(target.substr(1), error);
        if (schema == nullptr) return fail(where, "no schema at " + std::string(target));
        check(*schema, value, where);
    }

    void check(const json::value& schema, const json::value& value, const std::string& where) {
        for (const auto& [keyword, argument] : schema.as_object())
            check_keyword(keyword, argument, schema, value, where);
    }

    void check_keyword(std::string_view keyword, const json::value& argument, const json::value& schema,
                       const json::value& value, const std::string& where) {
        static const std::set<std::string_view> silent{
            "$schema", "$id", "title", "description", "$defs", "then", "additionalProperties"};
        if (silent.contains(keyword)) return;
        if (keyword == "$ref") {
            follow(argument.as_string(), value, where);
        } else if (keyword == "type") {
            if (!has_type(value, argument.as_string())) fail(where, "not of type " + json::serialize(argument));
        } else if (keyword == "enum") {
            bool known = false;
            for (const auto& word : argument.as_array()) known = known || word == value;
            if (!known) fail(where, "not one of " + json::serialize(argument));
        } else if (keyword == "required") {
            for (const auto& key : argument.as_array()) {
                bool there = value.is_object() && value.as_object().contains(key.as_string());
                if (!there) fail(where, "without " + json::serialize(key));
            }
        } else if (keyword == "pattern") {
            bool matches =
                value.is_string() && matches_pattern(value.as_string().c_str(), argument.as_string().c_str());
            if (!matches) fail(where, "does not match " + json::serialize(argument));
        } else if (keyword == "minimum") {
            if (value.is_int64() && value.as_int64() < argument.as_int64()) fail(where, "too small");
        } else if (keyword == "maximum") {
            if (value.is_int64() && value.as_int64() > argument.as_int64()) fail(where, "too large");
        } else {
            check_structure(keyword, argument, schema, value, where);
        }
    }

    void check_properties(const json::value& properties, const json::object& object, const std::string& where) {
        for (const auto& [key, inner] : properties.as_object()) {
            const json::value* found = object.if_contains(key);
            if (found == nullptr) continue;
            met_.insert(&inner);
            check(inner, *found, where + "." + std::string(key));
        }
        for (const auto& member : object) {
            const std::string key = member.key();
            if (!properties.as_object().contains(key))
                differences_.push_back(where + "." + key + ": not in the schema");
        }
    }

    void look_for_unmet(const json::value& schema, const std::string& where) {
        if (const json::array* array = schema.if_array()) {
            for (const auto& inner : *array) look_for_unmet(inner, where);
        }
        if (!schema.is_object()) return;
        for (const auto& [keyword, argument] : schema.as_object()) {
            const std::string place = where + "/" + std::string(keyword);
            look_for_unmet(argument, place);
            if (keyword == "items" && !met_.contains(&argument)) differences_.push_back(place + ": no value has any");
            if (keyword != "properties") continue;
            for (const auto& [key, inner] : argument.as_object()) {
                if (!met_.contains(&inner))
                    differences_.push_back(place + "/" + std::string(key) + ": no value has it");
            }
        }
    }

    void check_structure(std::string_view keyword, const json::value& argument, const json::value& schema,
                         const json::value& value, const std::string& where) {
        if (keyword == "properties") {
            if (value.is_object()) check_properties(argument, value.as_object(), where);
        } else if (keyword == "items") {
            if (!value.is_array()) return;
            for (const auto& item : value.as_array()) {
                met_.insert(&argument);
                check(argument, item, where + "[]");
            }
        } else if (keyword == "minItems") {
            if (value.is_array() && value.as_array().size() < argument.to_number<std::size_t>())
                fail(where, "too short");
        } else if (keyword == "anyOf") {
            bool any = false;
            for (const auto& choice : argument.as_array()) any = any || holds(choice, value);
            if (!any) fail(where, "none of anyOf");
        } else if (keyword == "not") {
            if (holds(argument, value)) fail(where, "holds what it must not");
        } else if (keyword == "if") {
            if (holds(argument, value)) check(schema.at("then"), value, where);
        } else {
            fail(where, "the test knows no keyword " + std::string(keyword));
        }
    }

    json::value root_;
    std::vector<std::string> violations_;
    std::vector<std::string> differences_;
    std::set<const json::value*> met_;  ///< schemas of keys and items that some value has
};

}  // namespace

std::vector<std::string> schema_violations(const std::string& file, const boost::json::value& value) {
    return Validator(file).check(value);
}

std::vector<std::string> schema_differences(const std::string& file, const boost::json::value& value) {
    Validator validator(file);
    validator.check(value);
    return validator.differences();
}

}  // namespace dst::ctl
