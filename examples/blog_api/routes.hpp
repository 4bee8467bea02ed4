// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The blog over HTTP: JSON in, JSON out, one process per connection.
#pragma once

#include <nlohmann/json.hpp>

#include <troupe/http_server.hpp>

#include "services.hpp"

namespace blog_api {

using Json = nlohmann::json;

inline http::Response answer(const Json& json, int status = 200) {
  return http::Response::json(status, json.dump());
}
inline http::Response refuse(int status, const char* why) {
  return answer(Json{{"error", why}}, status);
}

inline Json to_json(const Post& post) {
  Json comments = Json::array();
  for (const Comment& c : post.comments)
    comments.push_back({{"author", c.author}, {"text", c.text}});
  return {{"id", post.id},
          {"author", post.author},
          {"content", post.content},
          {"comments", std::move(comments)}};
}

// The text of a field; nothing where the body is no object with such a text.
inline std::optional<std::string> text_of(const Json& body, const char* field) {
  if (!body.is_object() || !body.contains(field) || !body[field].is_string()) return std::nullopt;
  return body[field].get<std::string>();
}
inline Json body_of(http::Exchange& exchange) {
  return Json::parse(exchange.request().body, nullptr, false);
}

inline http::Router routes() {
  http::Router router;
  router.on("POST", "/users", [](Process& self, http::Exchange& e) -> Async<http::Response> {
    const Json body = body_of(e);
    const auto id = text_of(body, "id"), name = text_of(body, "name"),
               email = text_of(body, "email");
    if (!id || !name || !email) co_return refuse(400, "id, name and email are texts");
    const bool is_new = co_await call(self, users(), Users::Create{{*id, *name, *email}});
    // What was understood, and not what else stood in the body, however deep that nests.
    co_return is_new ? answer(Json{{"id", *id}, {"name", *name}, {"email", *email}}, 201)
                     : refuse(409, "the id is taken");
  });
  router.on("POST", "/users/{id}/follow/{other}",
            [](Process& self, http::Exchange& e) -> Async<http::Response> {
              const Users::Follow follow{std::string{e.capture("id")},
                                         std::string{e.capture("other")}};
              if (!co_await call(self, users(), follow)) co_return refuse(404, "no such user");
              co_return answer(Json{{"following", follow.followee}});
            });
  router.on("GET", "/users/{id}/feed",
            [](Process& self, http::Exchange& e) -> Async<http::Response> {
              Json feed = Json::array();
              for (const Post& post : co_await feed_of(self, std::string{e.capture("id")})) {
                feed.push_back(to_json(post));
              }
              co_return answer(feed);
            });
  router.on("POST", "/posts", [](Process& self, http::Exchange& e) -> Async<http::Response> {
    const Json body = body_of(e);
    const auto author = text_of(body, "author"), content = text_of(body, "content");
    if (!author || !content) co_return refuse(400, "author and content are texts");
    if (!co_await call(self, users(), Users::Get{*author})) co_return refuse(404, "no such user");
    co_return answer(to_json(co_await call(self, posts(), Posts::Create{*author, *content})), 201);
  });
  router.on("GET", "/posts/{id}", [](Process& self, http::Exchange& e) -> Async<http::Response> {
    const std::string id{e.capture("id")};
    const auto post = co_await call(self, posts(), Posts::Get{id});
    if (!post) co_return refuse(404, "no such post");
    cast(analytics(), Analytics::TrackView{id});
    co_return answer(to_json(*post));
  });
  router.on("POST", "/posts/{id}/comments",
            [](Process& self, http::Exchange& e) -> Async<http::Response> {
              const Json body = body_of(e);
              const auto author = text_of(body, "author"), text = text_of(body, "text");
              if (!author || !text) co_return refuse(400, "author and text are texts");
              const Posts::AddComment comment{std::string{e.capture("id")}, {*author, *text}};
              if (!co_await call(self, posts(), comment)) co_return refuse(404, "no such post");
              co_return answer(Json{{"author", *author}, {"text", *text}}, 201);
            });
  router.on("GET", "/posts/{id}/views",
            [](Process& self, http::Exchange& e) -> Async<http::Response> {
              const Analytics::GetViews question{std::string{e.capture("id")}};
              co_return answer(Json{{"views", co_await call(self, analytics(), question)}});
            });
  router.on("DELETE", "/posts/{id}", [](Process&, http::Exchange& e) -> Async<> {
    cast(posts(), Posts::Delete{std::string{e.capture("id")}});
    co_return;
  });
  return router;
}

}  // namespace blog_api
