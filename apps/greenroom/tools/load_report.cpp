// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/load_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <troupe/http.hpp>

namespace greenroom {

namespace {

constexpr double shares[] = {0.5, 0.9, 0.99, 0.999, 0.9999};

std::string milliseconds(double microseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", microseconds / 1'000);
  return text;
}

// The drawing's inside, in pixels.
constexpr double left = 70;
constexpr double right = 760;
constexpr double top = 40;
constexpr double bottom = 360;
constexpr double most_nines = 5;  // the axis ends at 99.999 %
constexpr const char* colours[] = {"#1f6f4a", "#b3402e", "#2d5fa8", "#8a5a00"};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

double x_of(double nines) { return left + (right - left) * nines / most_nines; }

std::string svg_line(double x1, double y1, double x2, double y2) {
  return "<line class=\"grid\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" +
         number(x2) + "\" y2=\"" + number(y2) + "\"/>\n";
}

std::string svg_text(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         troupe::http::escape_html(text) + "</text>\n";
}

}  // namespace

std::string load_table(std::span<const LoadResult> results) {
  std::string text =
      "| target | commands/s wanted | commands/s answered | p50 ms | p90 ms | p99 ms | p99.9 ms | "
      "p99.99 ms | max ms | errors |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const LoadResult& result : results) {
    char rates[80];
    std::snprintf(rates, sizeof rates, " | %.0f | %.0f", result.wanted_rate,
                  static_cast<double>(result.latencies.count()) / result.seconds);
    text += "| " + result.target + rates;
    for (const double share : shares) {
      text += " | " + milliseconds(static_cast<double>(result.latencies.quantile(share)));
    }
    text += " | " + milliseconds(static_cast<double>(result.latencies.max())) + " | " +
            std::to_string(result.errors) + " |\n";
  }
  return text;
}

std::string load_picture(std::span<const LoadResult> results) {
  std::uint64_t highest = 1'000;
  for (const LoadResult& result : results) highest = std::max(highest, result.latencies.max());
  const double lowest_power = 1;  // 10 microseconds
  const double highest_power = std::ceil(std::log10(static_cast<double>(highest)));
  const auto y_of = [&](double microseconds) {
    const double power = std::log10(std::max(microseconds, 10.0));
    return bottom - (bottom - top) * (power - lowest_power) / (highest_power - lowest_power);
  };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 420\" "
      "font-family=\"sans-serif\" "
      "font-size=\"12\">\n<style>.grid{stroke:#ddd}text{fill:#333}</style>\n"
      "<rect width=\"800\" height=\"420\" fill=\"#fff\"/>\n";
  svg += svg_text(left, 20, "start", "Latency from the moment a command was due (ms)");
  for (double power = lowest_power; power <= highest_power; ++power) {
    const double y = y_of(std::pow(10, power));
    char label[32];
    std::snprintf(label, sizeof label, "%g", std::pow(10, power - 3));
    svg += svg_line(left, y, right, y) + svg_text(left - 8, y + 4, "end", label);
  }
  constexpr const char* labels[] = {"0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"};
  for (int nines = 0; nines <= static_cast<int>(most_nines); ++nines) {
    svg += svg_line(x_of(nines), top, x_of(nines), bottom);
    svg += svg_text(x_of(nines), bottom + 18, "middle", labels[nines]);
  }
  svg += svg_text((left + right) / 2, bottom + 40, "middle", "share of the commands");
  for (std::size_t i = 0; i < results.size(); ++i) {
    const char* colour = colours[i % std::size(colours)];
    std::string points;
    for (double nines = 0; nines <= most_nines; nines += 0.05) {
      const double value =
          static_cast<double>(results[i].latencies.quantile(1 - std::pow(10, -nines)));
      points += number(x_of(nines)) + "," + number(y_of(value)) + " ";
    }
    svg += "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" + std::string{colour} +
           "\" points=\"" + points + "\"/>\n";
    const double y = top + 16 + 18 * static_cast<double>(i);
    svg += "<rect x=\"" + number(left + 12) + "\" y=\"" + number(y - 9) +
           "\" width=\"10\" height=\"10\" fill=\"" + colour + "\"/>\n" +
           svg_text(left + 28, y, "start", results[i].target);
  }
  return svg + "</svg>\n";
}

bool write_report(const std::string& directory, const std::string& table,
                  std::span<const LoadResult> results) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  std::ofstream text{directory + "/bench.md"};
  text << "# greenroom bench\n\n" << table << "\n![latency](bench.svg)\n";
  std::ofstream picture{directory + "/bench.svg"};
  picture << load_picture(results);
  return text.flush() && picture.flush();
}

}  // namespace greenroom
