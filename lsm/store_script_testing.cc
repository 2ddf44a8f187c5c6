#include "aurora/lsm/store_script_testing.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

using Kind = ScriptStep::Kind;

// --- Drawing. ---

constexpr std::size_t kLargeValueBytes = 300'000;

std::string DrawKey(SeededRandom* random) {
  std::string key = StrCat("k", random->Below(24));
  if (random->Below(10) == 0) key.append(random->Below(300), 'x');
  return key;
}

// Mostly the few keys that begin with one; now and then from the first key on, or to the last, or
// both.
ScriptMutation DrawRangeDelete(SeededRandom* random) {
  ScriptMutation mutation;
  mutation.kind = EntryKind::kDeleteRange;
  mutation.keyspace = static_cast<KeyspaceId>(random->Below(kScriptKeyspaces));
  if (random->Below(10) > 0) mutation.key = DrawKey(random);
  mutation.value = random->Below(3) > 0 ? StrCat(mutation.key, "z") : DrawKey(random);
  if (random->Below(10) == 0) mutation.value.clear();
  if (!mutation.value.empty() && mutation.value < mutation.key) {
    std::swap(mutation.key, mutation.value);
  }
  if (!mutation.value.empty() && mutation.key == mutation.value) mutation.value.push_back('0');
  return mutation;
}

std::vector<ScriptMutation> DrawMutations(SeededRandom* random) {
  std::vector<ScriptMutation> mutations;
  std::set<std::pair<KeyspaceId, std::string>> places;
  for (std::uint64_t n = 1 + random->Below(random->Below(4) == 0 ? 12 : 3); n > 0; --n) {
    if (random->Below(16) == 0) mutations.push_back(DrawRangeDelete(random));
    ScriptMutation mutation;
    mutation.keyspace = static_cast<KeyspaceId>(random->Below(kScriptKeyspaces));
    mutation.key = DrawKey(random);
    if (!places.emplace(mutation.keyspace, mutation.key).second) continue;
    const std::uint64_t kind = random->Below(mutation.keyspace == kScriptMergedKeyspace ? 8 : 4);
    mutation.kind = kind == 0 ? EntryKind::kDelete : kind < 4 ? EntryKind::kPut : EntryKind::kMerge;
    const std::uint64_t size = 1 + random->Below(random->Below(12) == 0 ? 4000 : 40);
    const char letter = static_cast<char>('a' + random->Below(26));
    if (kind != 0) mutation.value.assign(kind >= 4 ? 1 + size % 8 : size, letter);
    if (kind == 3 && size % 3 != 0) mutation.expiry = size % 3 == 1 ? kLongAgo : kInNoLife;
    mutations.push_back(std::move(mutation));
  }
  // Now and then a record that is larger than any segment of a log (DrawStoreOptions).
  if (random->Below(80) == 0) {
    ScriptMutation large;
    large.keyspace = 0;
    large.key = "large";
    large.value.assign(kLargeValueBytes, static_cast<char>('a' + random->Below(26)));
    mutations.push_back(std::move(large));
  }
  return mutations;
}

// Puts of one keyspace, ascending by key; every other time a range before them, which they are in.
std::vector<ScriptMutation> DrawIngested(SeededRandom* random, KeyspaceId keyspace) {
  std::vector<ScriptMutation> mutations;
  if (random->Below(2) == 0) {
    mutations.push_back(DrawRangeDelete(random));
    mutations.front().keyspace = keyspace;
  }
  const auto is_taken = [&mutations](const std::string& key) {
    if (mutations.empty()) return true;
    const ScriptMutation& range = mutations.front();
    return range.key <= key && (range.value.empty() || key < range.value);
  };
  std::set<std::string> keys;
  for (std::uint64_t n = 1 + random->Below(12); n > 0; --n) {
    std::string key = DrawKey(random);
    if (is_taken(key)) keys.insert(std::move(key));
  }
  for (const std::string& key : keys) {
    ScriptMutation mutation;
    mutation.keyspace = keyspace;
    mutation.key = key;
    mutation.value.assign(1 + random->Below(random->Below(12) == 0 ? 4000 : 40),
                          static_cast<char>('a' + random->Below(26)));
    mutations.push_back(std::move(mutation));
  }
  return mutations;
}

Kind DrawKind(SeededRandom* random) {
  // Of 200: how often.
  static constexpr std::pair<Kind, int> kShares[] = {
      {Kind::kWrite, 75},       {Kind::kIngest, 5},        {Kind::kGet, 20},
      {Kind::kScan, 10},        {Kind::kTakeSnapshot, 8},  {Kind::kDropSnapshot, 4},
      {Kind::kOpenIterator, 8}, {Kind::kSeek, 14},         {Kind::kSeekToEnd, 8},
      {Kind::kMove, 30},        {Kind::kCloseIterator, 3}, {Kind::kFlush, 6},
      {Kind::kCompact, 3},      {Kind::kReopen, 3},        {Kind::kCrash, 3},
  };
  auto drawn = static_cast<int>(random->Below(200));
  for (const auto& [kind, share] : kShares) {
    if (drawn < share) return kind;
    drawn -= share;
  }
  AURORA_CHECK(false && "the shares add up to 200");
}

ScriptStep DrawStep(SeededRandom* random) {
  ScriptStep step;
  step.kind = DrawKind(random);
  step.keyspace = static_cast<KeyspaceId>(random->Below(kScriptKeyspaces));
  step.slot = random->Below(kScriptSlots);
  step.at = random->Below(2) == 0 ? 0 : 1 + random->Below(kScriptSlots);
  step.backward = random->Below(2) == 0;
  if (step.kind == Kind::kWrite) step.mutations = DrawMutations(random);
  if (step.kind == Kind::kIngest) step.mutations = DrawIngested(random, step.keyspace);
  const bool has_bounds = step.kind == Kind::kScan || step.kind == Kind::kOpenIterator;
  if (!has_bounds || random->Below(2) == 0) step.key = DrawKey(random);
  if (has_bounds && random->Below(2) == 0) step.upper = DrawKey(random);
  return step;
}

}  // namespace

Script DrawScript(std::uint64_t seed, std::size_t steps) {
  SeededRandom random(seed);
  Script script;
  for (std::size_t i = 0; i < steps; ++i) script.push_back(DrawStep(&random));
  return script;
}

// --- Showing. ---

namespace {

std::string ShowBounds(const std::string& from, const std::string& to) {
  return StrCat("from ", from.empty() ? std::string("the first") : Quoted(from), " to ",
                to.empty() ? std::string("the last") : Quoted(to));
}

std::string ShowMutation(const ScriptMutation& mutation) {
  if (mutation.kind == EntryKind::kDeleteRange) {
    return StrCat("delete ", mutation.keyspace, "/", ShowBounds(mutation.key, mutation.value));
  }
  static constexpr std::string_view kNames[] = {"delete", "put", "merge"};
  std::string text = StrCat(kNames[static_cast<std::size_t>(mutation.kind)], " ", mutation.keyspace,
                            "/", Quoted(mutation.key));
  if (mutation.kind == EntryKind::kDelete) return text;
  if (mutation.expiry == kLongAgo) text += " (expired)";
  if (mutation.expiry == kInNoLife) text += " (expires)";
  return StrCat(text, " ", mutation.value.size(), "x", Quoted(mutation.value.substr(0, 1)));
}

std::string ShowRange(const ScriptStep& step) {
  return StrCat(" of keyspace ", step.keyspace, " ", ShowBounds(step.key, step.upper),
                step.at == 0 ? std::string() : StrCat(" at snapshot ", step.at - 1));
}

std::string ShowStep(const ScriptStep& step) {
  switch (step.kind) {
    case Kind::kWrite:
    case Kind::kIngest: {
      const std::string verb = step.kind == Kind::kWrite ? "write" : "ingest";
      std::string text = verb;
      for (const ScriptMutation& each : step.mutations) {
        StrAppend(&text, text == verb ? " " : ", ", ShowMutation(each));
      }
      return text;
    }
    case Kind::kGet:
      return StrCat("get ", step.keyspace, "/", Quoted(step.key),
                    step.at == 0 ? std::string() : StrCat(" at snapshot ", step.at - 1));
    case Kind::kScan:
      return StrCat(step.backward ? "scan backwards" : "scan", ShowRange(step));
    case Kind::kTakeSnapshot:
      return StrCat("take snapshot ", step.slot);
    case Kind::kDropSnapshot:
      return StrCat("drop snapshot ", step.slot);
    case Kind::kOpenIterator:
      return StrCat("open iterator ", step.slot, ShowRange(step));
    case Kind::kSeek:
      return StrCat("iterator ", step.slot, step.backward ? " seek backward " : " seek ",
                    Quoted(step.key));
    case Kind::kSeekToEnd:
      return StrCat("iterator ", step.slot, step.backward ? " seek to last" : " seek to first");
    case Kind::kMove:
      return StrCat("iterator ", step.slot, step.backward ? " prev" : " next");
    case Kind::kCloseIterator:
      return StrCat("close iterator ", step.slot);
    case Kind::kFlush:
      return "flush";
    case Kind::kCompact:
      return "compact";
    case Kind::kReopen:
      return "reopen";
    case Kind::kCrash:
      return "crash after a sync";
  }
  AURORA_CHECK(false && "no such step");
}

}  // namespace

std::string ShowPair(std::string_view key, std::string_view value) {
  return StrCat(Quoted(key, key.size()), "=", Quoted(value, value.size()));
}

std::string Show(const Script& script) {
  std::string text;
  for (std::size_t i = 0; i < script.size(); ++i) {
    StrAppend(&text, "  ", i, ": ", ShowStep(script[i]), "\n");
  }
  return text;
}

// --- The model. ---

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string ShowPairs(const Pairs& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) StrAppend(&text, ShowPair(key, value), " ");
  return text;
}

class ScriptModel {
 public:
  std::string Answer(const ScriptStep& step);

 private:
  using State = std::map<std::pair<KeyspaceId, std::string>, std::string>;
  struct Cursor {
    Pairs pairs;
    std::ptrdiff_t place = -1;
  };

  void Write(const std::vector<ScriptMutation>& mutations) {
    for (const ScriptMutation& each : mutations) {
      const std::pair<KeyspaceId, std::string> place(each.keyspace, each.key);
      if (each.kind == EntryKind::kDelete) state_.erase(place);
      if (each.kind == EntryKind::kPut) state_[place] = each.value;
      if (each.expiry == kLongAgo) state_.erase(place);
      if (each.kind == EntryKind::kMerge) state_[place] += each.value;
      if (each.kind == EntryKind::kDeleteRange) {
        state_.erase(state_.lower_bound(place),
                     each.value.empty() ? state_.lower_bound({each.keyspace + 1, ""})
                                        : state_.lower_bound({each.keyspace, each.value}));
      }
    }
  }
  const State& At(const ScriptStep& step) const {
    if (step.at == 0 || !snapshots_[step.at - 1].has_value()) return state_;
    return *snapshots_[step.at - 1];
  }
  std::string Get(const ScriptStep& step) const {
    const State& state = At(step);
    const auto found = state.find({step.keyspace, step.key});
    return found == state.end() ? std::string(kNoValue) : ShowPair(step.key, found->second);
  }
  Pairs Range(const ScriptStep& step) const {
    const State& state = At(step);
    Pairs pairs;
    for (auto it = state.lower_bound({step.keyspace, step.key});
         it != state.end() && it->first.first == step.keyspace; ++it) {
      if (!step.upper.empty() && it->first.second >= step.upper) break;
      pairs.emplace_back(it->first.second, it->second);
    }
    return pairs;
  }
  std::string Move(const ScriptStep& step);

  State state_;
  std::array<std::optional<State>, kScriptSlots> snapshots_;
  std::array<std::optional<Cursor>, kScriptSlots> iterators_;
};

std::string ScriptModel::Move(const ScriptStep& step) {
  std::optional<Cursor>& cursor = iterators_[step.slot];
  if (!cursor.has_value()) return std::string(kNothingToDo);
  const Pairs& pairs = cursor->pairs;
  const auto size = static_cast<std::ptrdiff_t>(pairs.size());
  std::ptrdiff_t& place = cursor->place;
  const auto after = [&](bool or_equal) {
    return std::partition_point(pairs.begin(), pairs.end(),
                                [&](const auto& pair) {
                                  return or_equal ? pair.first <= step.key : pair.first < step.key;
                                }) -
           pairs.begin();
  };
  if (step.kind == Kind::kSeek) {
    place = step.backward ? after(true) - 1 : after(false);
  } else if (step.kind == Kind::kSeekToEnd) {
    place = step.backward ? size - 1 : 0;
  } else if (place < 0 || place >= size) {
    return std::string(kNothingToDo);
  } else {
    place += step.backward ? -1 : 1;
  }
  if (place < 0 || place >= size) return std::string(kEndOfWalk);
  const auto& [key, value] = pairs[static_cast<std::size_t>(place)];
  return ShowPair(key, value);
}

std::string ScriptModel::Answer(const ScriptStep& step) {
  switch (step.kind) {
    case Kind::kWrite:
    case Kind::kIngest:
      Write(step.mutations);
      break;
    case Kind::kGet:
      return Get(step);
    case Kind::kScan: {
      Pairs pairs = Range(step);
      if (step.backward) std::reverse(pairs.begin(), pairs.end());
      return ShowPairs(pairs);
    }
    case Kind::kTakeSnapshot:
      snapshots_[step.slot] = state_;
      break;
    case Kind::kDropSnapshot:
      snapshots_[step.slot].reset();
      break;
    case Kind::kOpenIterator:
      iterators_[step.slot] = Cursor{Range(step)};
      break;
    case Kind::kSeek:
    case Kind::kSeekToEnd:
    case Kind::kMove:
      return Move(step);
    case Kind::kCloseIterator:
      iterators_[step.slot].reset();
      break;
    case Kind::kFlush:
    case Kind::kCompact:
      break;
    case Kind::kReopen:
    case Kind::kCrash:
      snapshots_ = {};
      iterators_ = {};
      break;
  }
  return std::string(kDone);
}

}  // namespace

std::vector<std::string> ExpectedAnswers(const Script& script) {
  ScriptModel model;
  std::vector<std::string> answers;
  answers.reserve(script.size());
  for (const ScriptStep& step : script) answers.push_back(model.Answer(step));
  return answers;
}

// --- Shrinking. ---

namespace {

using Fails = std::function<bool(const Script&)>;

// Takes out as many elements as can go, in ever smaller runs; `replace` puts a shorter list in.
template <class List, class Replace>
void ShrinkList(List list, const Replace& still_fails) {
  for (std::size_t run = std::max<std::size_t>(1, list.size() / 2); run > 0; run /= 2) {
    for (std::size_t from = 0; from < list.size();) {
      List shorter = list;
      const auto begin = shorter.begin() + static_cast<std::ptrdiff_t>(from);
      const auto count = static_cast<std::ptrdiff_t>(std::min(run, list.size() - from));
      shorter.erase(begin, begin + count);
      if (still_fails(shorter)) {
        list = std::move(shorter);
      } else {
        from += run;
      }
    }
  }
}

void ShrinkMutations(Script* script, const Fails& fails) {
  for (std::size_t i = 0; i < script->size(); ++i) {
    const auto accept = [&](const std::vector<ScriptMutation>& mutations) {
      if (mutations.empty()) return false;
      Script shorter = *script;
      shorter[i].mutations = mutations;
      if (!fails(shorter)) return false;
      *script = std::move(shorter);
      return true;
    };
    ShrinkList((*script)[i].mutations, accept);
    for (std::size_t m = 0; m < (*script)[i].mutations.size(); ++m) {
      if ((*script)[i].mutations[m].kind == EntryKind::kDeleteRange) continue;  // its end
      const auto shorten = [&](const std::string& value) {
        if (value.empty()) return false;
        Script shorter = *script;
        shorter[i].mutations[m].value = value;
        if (!fails(shorter)) return false;
        *script = std::move(shorter);
        return true;
      };
      ShrinkList((*script)[i].mutations[m].value, shorten);
    }
  }
}

}  // namespace

Script ShrinkScript(Script script, const Fails& fails) {
  std::size_t before = 0;
  do {
    before = script.size();
    ShrinkList(script, [&](const Script& shorter) {
      if (!fails(shorter)) return false;
      script = shorter;
      return true;
    });
    ShrinkMutations(&script, fails);
  } while (script.size() < before);
  return script;
}

}  // namespace aurora::lsm
