// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <string>
#include <utility>

#include <troupe/storage.hpp>

// RocksDB behind our interface, as far as the benchmark needs it: the measure for the append log.
class RocksStore final : public troupe::storage::Store {
 public:
  static troupe::storage::Result<std::unique_ptr<troupe::storage::Store>> open(
      const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* database = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(options, directory, &database);
    if (!opened.ok()) return failed(opened);
    return std::unique_ptr<troupe::storage::Store>{new RocksStore{database}};
  }

 private:
  template <class T>
  using Result = troupe::storage::Result<T>;
  explicit RocksStore(rocksdb::DB* database) : database_{database} {}

  static std::unexpected<troupe::storage::StorageError> failed(const rocksdb::Status& status) {
    return std::unexpected(
        troupe::storage::StorageError{troupe::storage::ErrorKind::io, status.ToString()});
  }
  static Result<void> outcome(const rocksdb::Status& status) {
    if (!status.ok()) return failed(status);
    return {};
  }

  Result<std::optional<std::string>> do_get(std::string_view key) override {
    std::string value;
    const rocksdb::Status found =
        database_->Get({}, rocksdb::Slice{key.data(), key.size()}, &value);
    if (found.IsNotFound()) return std::nullopt;
    if (!found.ok()) return failed(found);
    return value;
  }
  Result<void> do_write(std::span<const troupe::storage::Change> changes) override {
    rocksdb::WriteBatch batch;
    for (const auto& [key, value, removal] : changes) {
      const rocksdb::Slice name{key.data(), key.size()};
      if (removal) {
        batch.Delete(name);
      } else {
        batch.Put(name, rocksdb::Slice{value.data(), value.size()});
      }
    }
    rocksdb::WriteOptions durable;
    durable.sync = true;
    return outcome(database_->Write(durable, &batch));
  }
  Result<void> do_visit(const troupe::storage::Scan& scan, troupe::storage::Visit visitor,
                        void* object) override {
    const std::unique_ptr<rocksdb::Iterator> at{database_->NewIterator({})};
    const std::string start{scan.after ? *scan.after : scan.prefix};
    for (at->Seek(start); at->Valid(); at->Next()) {
      const std::string_view key = at->key().ToStringView();
      if (scan.after && key == *scan.after) continue;
      if (!key.starts_with(scan.prefix)) break;
      if (!visitor(object, key, at->value().ToStringView())) break;
    }
    return outcome(at->status());
  }
  Result<void> do_flush() override { return outcome(database_->FlushWAL(true)); }
  Result<void> do_compact() override {
    return outcome(database_->CompactRange({}, nullptr, nullptr));
  }
  Result<void> do_close() override { return outcome(database_->Close()); }

  std::unique_ptr<rocksdb::DB> database_;
};
