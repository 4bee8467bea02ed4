// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "persistence/snapshot_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <openssl/evp.h>
#include <unistd.h>
#include <utility>

#include "persistence/little_endian.hpp"
#include "text/utc_time.hpp"

namespace greenroom {

namespace {

constexpr std::string_view magic = "GRSNAP01";
constexpr std::uint32_t no_more = 0xFFFFFFFF;
constexpr std::uint32_t max_key_bytes = 64 * 1024;
constexpr std::uint32_t max_value_bytes = 512u << 20;
constexpr std::size_t digest_bytes = 32;
constexpr std::string_view suffix = ".snapshot";
// So much is made durable at a time. A file system with a journal commits what is new in all files
// together: one fsync of a whole snapshot would keep the acknowledgements of the sessions' own
// writes waiting for all of its bytes.
constexpr std::uint64_t sync_bytes = 2 << 20;

EVP_MD_CTX* begin_digest() {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), nullptr) != 1) throw std::bad_alloc{};
  return digest;
}

std::string end_digest(EVP_MD_CTX* digest) {
  std::string bytes(digest_bytes, '\0');
  EVP_DigestFinal_ex(digest, reinterpret_cast<unsigned char*>(bytes.data()), nullptr);
  return bytes;
}

// The directory's own entry for a new name has to be on disk too.
bool sync_directory_of(const std::string& file) {
  const std::filesystem::path directory = std::filesystem::path{file}.parent_path();
  const int descriptor =
      open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = fsync(descriptor) == 0;
  close(descriptor);
  return synced;
}

// Reads, and notes what was read in the digest.
class Reader {
 public:
  explicit Reader(std::FILE* stream) : stream_{stream}, digest_{begin_digest()} {}
  ~Reader() {
    EVP_MD_CTX_free(digest_);
    std::fclose(stream_);
  }
  Reader(const Reader&) = delete;

  bool read(std::string& into, std::size_t bytes) {
    into.resize(bytes);
    if (std::fread(into.data(), 1, bytes, stream_) != bytes) return false;
    EVP_DigestUpdate(digest_, into.data(), bytes);
    bytes_ += bytes;
    return true;
  }
  std::string digest() { return end_digest(digest_); }
  bool read_raw(std::string& into, std::size_t bytes) {
    into.resize(bytes);
    bytes_ += bytes;
    return std::fread(into.data(), 1, bytes, stream_) == bytes;
  }
  bool is_at_end() { return std::fgetc(stream_) == EOF; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::FILE* stream_;
  EVP_MD_CTX* digest_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

// --- SnapshotWriter.

SnapshotWriter::SnapshotWriter(std::string file, std::FILE* stream)
    : file_{std::move(file)}, stream_{stream}, digest_{begin_digest()} {}

SnapshotWriter::~SnapshotWriter() {
  EVP_MD_CTX_free(digest_);
  if (!stream_) return;
  std::fclose(stream_);
  std::remove((file_ + ".partial").c_str());
}

std::expected<std::unique_ptr<SnapshotWriter>, std::string> SnapshotWriter::create(
    const std::string& file, std::int64_t now_ms) {
  const std::string partial = file + ".partial";
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::FILE* stream = descriptor < 0 ? nullptr : fdopen(descriptor, "wb");
  if (!stream) {
    const std::string why = std::strerror(errno);
    if (descriptor >= 0) close(descriptor);
    return std::unexpected(partial + ": " + why);
  }
  std::unique_ptr<SnapshotWriter> writer{new SnapshotWriter{file, stream}};
  std::string head{magic};
  append_number(head, static_cast<std::uint64_t>(now_ms), 8);
  if (!writer->put(head)) return writer->failure("writing");
  return writer;
}

bool SnapshotWriter::put(std::string_view bytes) {
  EVP_DigestUpdate(digest_, bytes.data(), bytes.size());
  if (std::fwrite(bytes.data(), 1, bytes.size(), stream_) != bytes.size()) return false;
  unsynced_ += bytes.size();
  return unsynced_ < sync_bytes || sync();
}

bool SnapshotWriter::sync() {
  unsynced_ = 0;
  return std::fflush(stream_) == 0 && fsync(fileno(stream_)) == 0;
}

std::unexpected<std::string> SnapshotWriter::failure(const char* what) const {
  return std::unexpected(file_ + ": " + what + ": " + std::strerror(errno));
}

std::expected<void, std::string> SnapshotWriter::add(std::string_view key, std::string_view value) {
  std::string head;
  append_number(head, key.size(), 4);
  append_number(head, value.size(), 4);
  if (!put(head) || !put(key) || !put(value)) return failure("writing");
  ++records_;
  return {};
}

std::expected<void, std::string> SnapshotWriter::finish() {
  std::string tail;
  append_number(tail, no_more, 4);
  append_number(tail, records_, 8);
  if (!put(tail)) return failure("writing");
  const std::string digest = end_digest(digest_);
  if (std::fwrite(digest.data(), 1, digest.size(), stream_) != digest.size() || !sync()) {
    return failure("writing");
  }
  const bool closed = std::fclose(std::exchange(stream_, nullptr)) == 0;
  if (!closed || std::rename((file_ + ".partial").c_str(), file_.c_str()) != 0 ||
      !sync_directory_of(file_)) {
    return failure("finishing");
  }
  return {};
}

// --- Reading.

std::expected<SnapshotFacts, std::string> read_snapshot(const std::string& file, VisitRecord visit,
                                                        void* context) {
  const auto bad = [&](const char* why) { return std::unexpected(file + ": " + why); };
  std::FILE* stream = std::fopen(file.c_str(), "rbe");
  if (!stream) return bad(std::strerror(errno));
  Reader reader{stream};
  SnapshotFacts facts{.file = file};
  std::string bytes;
  if (!reader.read(bytes, 16)) return bad("is no snapshot: too short");
  if (!bytes.starts_with(magic)) return bad("is no snapshot, or one of a later Greenroom");
  facts.created_at_ms = static_cast<std::int64_t>(read_number(bytes, 8, 8));
  std::string key;
  std::string value;
  for (;;) {
    if (!reader.read(bytes, 4)) return bad("is cut off");
    const auto key_bytes = static_cast<std::uint32_t>(read_number(bytes, 0, 4));
    if (key_bytes == no_more) break;
    if (!reader.read(bytes, 4)) return bad("is cut off");
    const auto value_bytes = static_cast<std::uint32_t>(read_number(bytes, 0, 4));
    if (key_bytes > max_key_bytes || value_bytes > max_value_bytes) return bad("is damaged");
    if (!reader.read(key, key_bytes) || !reader.read(value, value_bytes)) {
      return bad("is cut off");
    }
    ++facts.records;
    if (!visit(context, key, value)) return bad("was not read to its end");
  }
  if (!reader.read(bytes, 8)) return bad("is cut off");
  if (read_number(bytes, 0, 8) != facts.records) return bad("is damaged: records are missing");
  const std::string digest = reader.digest();
  if (!reader.read_raw(bytes, digest_bytes)) return bad("is cut off");
  if (bytes != digest) return bad("is damaged: its checksum does not fit");
  if (!reader.is_at_end()) return bad("is damaged: something follows its end");
  facts.bytes = reader.bytes();
  return facts;
}

std::expected<SnapshotFacts, std::string> verify_snapshot(const std::string& file) {
  return read_snapshot(
      file, [](void*, std::string_view, std::string_view) { return true; }, nullptr);
}

// --- Directories.

std::string snapshot_name(std::int64_t now_ms) {
  return "greenroom-" + compact_time_text(now_ms) + std::string{suffix};
}

std::vector<std::string> snapshots_in(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{directory, error}) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("greenroom-") && name.ends_with(suffix)) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::size_t prune_snapshots(const std::string& directory, std::size_t keep) {
  const std::vector<std::string> files = snapshots_in(directory);
  std::size_t removed = 0;
  for (std::size_t i = 0; i + keep < files.size(); ++i) {
    if (std::remove(files[i].c_str()) == 0) ++removed;
  }
  return removed;
}

}  // namespace greenroom
