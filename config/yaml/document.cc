#include "yaml/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "yaml/source.h"

namespace dst::yaml {
namespace {

/// Ends the reading; never leaves this file.
struct SyntaxFault {
    std::size_t offset;
    std::string text;
};

/// What yaml-cpp says of a broken file, in words that help.
std::string explain(const std::string& message) {
    using namespace YAML::ErrorMsg;
    static const std::array<std::pair<std::string_view, std::string_view>, 14> explanations{{
        {MAP_VALUE, "a ':' where no mapping can stand; check the indentation, or put the text in quotes"},
        {MAP_KEY, "a key where none can stand; check the indentation"},
        {BLOCK_ENTRY, "a '-' where no list can stand; check the indentation"},
        {END_OF_MAP, "something that does not belong to the mapping before it; check indentation and quotes"},
        {END_OF_SEQ, "something that does not belong to the list before it; check indentation and quotes"},
        {END_OF_MAP_FLOW, "no '}' where the mapping in braces should end"},
        {END_OF_SEQ_FLOW, "no ']' where the list in brackets should end"},
        {FLOW_END, "a closing bracket without an opening one"},
        {UNKNOWN_TOKEN, "a character that begins nothing in YAML; put the text in quotes"},
        {INVALID_ESCAPE, "an escape that YAML does not know; a text in single quotes needs none"},
        {TAB_IN_INDENTATION, "a tab in the indentation; spaces would be right"},
        {EOF_IN_SCALAR, "a quote that is not closed before the end of the file"},
        {UNKNOWN_ANCHOR, "an alias (*) of an anchor that is not there; aliases are not taken: write the value itself"},
        {DOC_IN_SCALAR, "a quote that is not closed before the end of the document"},
    }};
    for (const auto& [known, explanation] : explanations) {
        // Some messages carry the offending text behind the words.
        if (message.starts_with(known)) return std::string(explanation);
    }
    return message;
}

/// Builds the Value tree. Positions, anchors and tags come with the events.
class Builder : public YAML::EventHandler {
public:
    Builder(const Source& source, Report& report) : source_(source), report_(report) {}

    Value take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { attach({.at = null_position(mark)}); }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        report_.add(position(mark), "an alias (*); aliases are not taken: write the value itself");
        attach({.kind = Value::Kind::unusable, .at = position(mark)});
    }

    void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
        report_.add(position(mark), "the anchor " + quote("&" + name) + "; anchors and aliases are not taken");
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
        std::size_t at = offset(mark);
        bool quoted = at < source_.text().size() && (source_.text()[at] == '"' || source_.text()[at] == '\'');
        if (quoted && !is_quote_closed(source_.text(), at)) {
            throw SyntaxFault{at, "a quote that is not closed before the end of the file"};
        }
        check_tag(mark, tag);
        attach({.kind = Value::Kind::scalar, .at = position(mark), .text = text});
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, Value::Kind::sequence);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, Value::Kind::mapping);
    }
    void OnMapEnd() override { close(); }

private:
    /// A collection that is not finished yet.
    struct Frame {
        Value value;
        std::optional<Value> key;                    ///< mapping: read, its value comes next
        std::map<std::string, spec::Position> keys;  ///< mapping: those before
    };

    std::size_t offset(const YAML::Mark& mark) const {
        return source_.offset(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column));
    }
    spec::Position position(const YAML::Mark& mark) const { return source_.position(offset(mark)); }

    /// An absent value's mark is that of the token behind it. In a mapping the key's place says more, in a list the
    /// dash's.
    spec::Position null_position(const YAML::Mark& mark) const {
        std::size_t at = offset(mark);
        std::string_view token = source_.text().substr(at);
        bool written = token.starts_with('~') || token.starts_with("null") || token.starts_with("Null") ||
                       token.starts_with("NULL");
        if (!frames_.empty() && frames_.back().key) {
            const spec::Position& key = frames_.back().key->at;
            return written && source_.position(at).line == key.line ? source_.position(at) : key;
        }
        if (written || at == 0) return source_.position(at);
        std::size_t before = source_.text().find_last_not_of(" \r\n", at - 1);
        bool dash = before != std::string_view::npos && source_.text()[before] == '-';
        return source_.position(dash ? before : at);
    }

    void check_tag(const YAML::Mark& mark, const std::string& tag) {
        // "?": none; "!": quoted or block text.
        if (tag.empty() || tag == "?" || tag == "!") return;
        report_.add(position(mark), "the tag " + quote(tag) + "; tags are not taken: write the plain value");
    }

    void open(const YAML::Mark& mark, const std::string& tag, Value::Kind kind) {
        if (frames_.size() == document_depth_max) {
            throw SyntaxFault{offset(mark), "nested deeper than " + std::to_string(document_depth_max) +
                                                " levels; a storage needs far fewer"};
        }
        check_tag(mark, tag);
        frames_.push_back({.value = {.kind = kind, .at = position(mark)}});
    }

    void close() {
        Value done = std::move(frames_.back().value);
        frames_.pop_back();
        attach(std::move(done));
    }

    void attach(Value value) {
        if (frames_.empty()) {
            root_ = std::move(value);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.value.kind == Value::Kind::sequence) {
            frame.value.items.push_back(std::move(value));
        } else if (!frame.key) {
            frame.key = std::move(value);
        } else {
            Value key = std::move(*frame.key);
            frame.key.reset();
            add_entry(frame, std::move(key), std::move(value));
        }
    }

    void add_entry(Frame& frame, Value key, Value value) {
        if (key.kind == Value::Kind::unusable) return;
        if (key.kind != Value::Kind::scalar) {
            report_.add(key.at, "a key that is not a word; keys are plain words");
            return;
        }
        auto [first, added] = frame.keys.emplace(key.text, key.at);
        if (!added) {
            report_.add(key.at, "the key " + quote(key.text) + " again; it stands in line " +
                                    std::to_string(first->second.line) + " already, and one of them must go");
            return;
        }
        frame.value.entries.push_back({std::move(key.text), key.at, std::move(value)});
    }

    const Source& source_;
    Report& report_;
    std::vector<Frame> frames_;
    Value root_;
};

/// Stops at the next document's start, which is all that must be known of it.
class SecondDocument : public YAML::EventHandler {
public:
    struct Found {
        YAML::Mark mark;
    };
    void OnDocumentStart(const YAML::Mark& mark) override { throw Found{mark}; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

/// yaml-cpp takes a text after the end of the root node for one more document.
void check_second_document(YAML::Parser& parser, const Source& source, Report& report) {
    try {
        SecondDocument second;
        parser.HandleNextDocument(second);
    } catch (const SecondDocument::Found& found) {
        std::size_t at =
            source.offset(static_cast<std::size_t>(found.mark.line), static_cast<std::size_t>(found.mark.column));
        std::string_view text = source.text();
        bool announced = text.substr(at).starts_with("---") || text.substr(0, at).find("\n...") != text.npos;
        if (!announced) throw SyntaxFault{at, "something after the end of the document; check the indentation"};
        report.add(source.position(at), "a second document; a file holds one");
    }
}

}  // namespace

std::optional<Value> read_document(std::string_view raw, Report& report) {
    Source source(without_bom(raw));
    if (auto fault = find_text_fault(source.text())) {
        report.add(source.position(fault->offset), "not YAML: " + std::string(fault->text));
        return {};
    }
    auto fail = [&](std::size_t at, const std::string& text) {
        // What was found before a syntax error may be its consequence.
        report.take();
        report.add(source.position(at), "not YAML: " + text);
    };
    try {
        std::istringstream stream{std::string(source.text())};
        YAML::Parser parser(stream);
        Builder builder(source, report);
        if (!parser.HandleNextDocument(builder)) {
            report.add({1, 1}, "nothing but blanks and comments; the file is empty");
            return {};
        }
        check_second_document(parser, source, report);
        return builder.take_root();
    } catch (const SyntaxFault& fault) {
        fail(fault.offset, fault.text);
    } catch (const YAML::Exception& exception) {
        std::size_t at = source.offset(static_cast<std::size_t>(std::max(exception.mark.line, 0)),
                                       static_cast<std::size_t>(std::max(exception.mark.column, 0)));
        fail(at, explain(exception.msg));
    }
    return {};
}

}  // namespace dst::yaml
