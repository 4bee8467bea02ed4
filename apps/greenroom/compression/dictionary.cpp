// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "compression/dictionary.hpp"

#include <algorithm>
#include <malloc.h>
#include <utility>
#include <zdict.h>
#include <zstd.h>

namespace greenroom {

namespace {

// Of the levels, the one with the smallest tables: with a dictionary the higher ones save 2 % more
// of a small value, and take twice the time.
constexpr int level = 1;
constexpr std::string_view magic{"\x28\xB5\x2F\xFD", 4};

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Contexts are scratch memory of a few hundred kilobytes: one for each thread, not each call.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context{[] {
    ZSTD_CCtx* made = ZSTD_createCCtx();
    if (made) {
      ZSTD_CCtx_setParameter(made, ZSTD_c_contentSizeFlag, 0);
      ZSTD_CCtx_setParameter(made, ZSTD_c_dictIDFlag, 0);
      ZSTD_CCtx_setParameter(made, ZSTD_c_checksumFlag, 0);
    }
    return made;
  }()};
  return context.get();
}

ZSTD_DCtx* expander() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context{ZSTD_createDCtx()};
  return context.get();
}

}  // namespace

struct Dictionary::Tables {
  ZSTD_CDict* to_compress;
  ZSTD_DDict* to_expand;
  ~Tables() {
    ZSTD_freeCDict(to_compress);
    ZSTD_freeDDict(to_expand);
  }
};

Dictionary::Dictionary(std::uint32_t number, std::string_view bytes, std::unique_ptr<Tables> tables)
    : number_{number}, bytes_{bytes}, tables_{std::move(tables)} {}
Dictionary::~Dictionary() = default;

std::unique_ptr<Dictionary> Dictionary::load(std::uint32_t number, std::string_view bytes) {
  // Raw content is a dictionary to zstd too; ours have the header that training gives them.
  if (bytes.size() > max_dictionary_bytes || ZDICT_getDictID(bytes.data(), bytes.size()) == 0) {
    return nullptr;
  }
  std::unique_ptr<Tables> tables{new Tables{ZSTD_createCDict(bytes.data(), bytes.size(), level),
                                            ZSTD_createDDict(bytes.data(), bytes.size())}};
  if (!tables->to_compress || !tables->to_expand) return nullptr;
  return std::unique_ptr<Dictionary>{new Dictionary{number, bytes, std::move(tables)}};
}

bool Dictionary::compress(std::string_view value, std::string& out) const {
  if (value.size() < min_value_bytes || value.size() > max_value_bytes) return false;
  ZSTD_CCtx* context = compressor();
  if (!context || ZSTD_isError(ZSTD_CCtx_refCDict(context, tables_->to_compress))) return false;
  thread_local std::string scratch;
  scratch.resize(ZSTD_compressBound(value.size()));
  const std::size_t size =
      ZSTD_compress2(context, scratch.data(), scratch.size(), value.data(), value.size());
  if (ZSTD_isError(size) || size <= magic.size()) return false;
  const std::string_view frame =
      std::string_view{scratch}.substr(magic.size(), size - magic.size());
  if (frame.size() > value.size() - value.size() / 8) return false;
  out.append(frame);
  return true;
}

bool Dictionary::expand(std::string_view compressed, std::size_t size, std::string& out) const {
  if (size > max_value_bytes || compressed.size() > size) return false;
  ZSTD_DCtx* context = expander();
  if (!context) return false;
  thread_local std::string frame;
  frame.assign(magic);
  frame.append(compressed);
  const std::size_t before = out.size();
  out.resize(before + size);
  const std::size_t got = ZSTD_decompress_usingDDict(
      context, out.data() + before, size, frame.data(), frame.size(), tables_->to_expand);
  if (!ZSTD_isError(got) && got == size) return true;
  out.resize(before);
  return false;
}

// --- Training.

namespace {

constexpr std::size_t trained_bytes = 16 << 10;
constexpr std::size_t fewest_samples = 200;

// Every tenth sample is kept back, to judge by.
struct Split {
  Samples to_learn;
  std::vector<std::string_view> to_judge;
};

Split split(const Samples& samples) {
  Split parts;
  std::size_t at = 0;
  for (std::size_t i = 0; i < samples.sizes.size(); ++i) {
    const std::string_view sample = std::string_view{samples.bytes}.substr(at, samples.sizes[i]);
    at += samples.sizes[i];
    if (i % 10 == 9) {
      parts.to_judge.push_back(sample);
    } else {
      parts.to_learn.add(sample);
    }
  }
  return parts;
}

// Training takes ten megabytes for a moment, which malloc would keep. Later, with millions of
// sessions, giving back would hold everybody up for longer than it is worth.
struct GiveBack {
  bool is_first;
  ~GiveBack() {
    if (is_first) malloc_trim(0);
  }
};

std::size_t size_with(const Dictionary& dictionary, std::span<const std::string_view> values) {
  std::size_t size = 0;
  std::string out;
  for (const std::string_view value : values) {
    out.clear();
    size += dictionary.compress(value, out) ? out.size() : value.size();
  }
  return size;
}

}  // namespace

std::optional<std::string> train(const Samples& samples, const Dictionary* before) {
  if (samples.sizes.size() < fewest_samples) return std::nullopt;
  const GiveBack give_back{before == nullptr};
  const Split parts = split(samples);
  std::string bytes(trained_bytes, '\0');
  const std::size_t size = ZDICT_trainFromBuffer(
      bytes.data(), bytes.size(), parts.to_learn.bytes.data(), parts.to_learn.sizes.data(),
      static_cast<unsigned>(parts.to_learn.sizes.size()));
  if (ZDICT_isError(size)) return std::nullopt;
  bytes.resize(size);
  const auto dictionary = Dictionary::load(0, bytes);
  if (!dictionary) return std::nullopt;
  std::size_t plain = 0;
  for (const std::string_view value : parts.to_judge) plain += value.size();
  const std::size_t now = size_with(*dictionary, parts.to_judge);
  if (now * 5 > plain * 4) return std::nullopt;
  if (before && now * 10 > size_with(*before, parts.to_judge) * 9) return std::nullopt;
  return bytes;
}

}  // namespace greenroom
