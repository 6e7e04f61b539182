import {
  checkEventFilters,
  DOCKER_EVENT_FILTERS,
  EVENT_FILTERS,
  followEvents,
} from "../../engine/events.ts";
import { parseFilters, timeFilter } from "../../engine/filters.ts";
import type { LoggedEvent } from "../../storage/event_reader.ts";
import type { Command } from "../command.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { compileTemplate } from "../format/template.ts";
import { interruptible } from "../interrupt.ts";

/** `tsbox events`. */
export const command: Command = {
  grammar: {
    path: "events",
    aliases: ["system events", "events"],
    summary: "Get real time events from the store",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      {
        name: "filter",
        short: "f",
        value: "filter",
        help: "Filter output based on conditions provided",
      },
      { name: "format", value: "string", help: 'Format output: "json" or a Go template' },
      { name: "since", value: "string", help: "Show all events created since timestamp" },
      { name: "until", value: "string", help: "Stream events until this timestamp" },
    ],
  },
  run: async ({ flags }, io, context) => {
    const filters = parseFilters(flags.all("filter"), EVENT_FILTERS, DOCKER_EVENT_FILTERS);
    checkEventFilters(filters);
    const now = Date.now();
    const [since, until] = [flags.last("since"), flags.last("until")]
      .map((text) => text ? timeFilter(text, now) : undefined);
    const text = eventText(flags.last("format"));
    let interrupted = false;
    await interruptible((signal) => {
      signal.addEventListener("abort", () => interrupted = true);
      const options = { since, until, filters, signal };
      return followEvents(context, options, (event) => printFormatted(io, `${text(event)}\n`));
    });
    return interrupted ? 130 : 0;
  },
};

function eventText(format: string | undefined): (event: LoggedEvent) => string {
  if (!format) return plainText;
  const source = format === "json" ? "{{json .}}" : format;
  const template = compileTemplate(source.replaceAll("\\t", "\t").replaceAll("\\n", "\n"));
  return (event) => template(eventObject(event));
}

/** `2024-01-31T12:00:00.000000000Z container start 0123 (image=alpine, name=box)`. */
export function plainText({ time, type, action, id, attributes }: LoggedEvent): string {
  const details = Object.entries(attributes).map(([key, value]) => `${key}=${value}`).sort();
  const behind = details.length === 0 ? "" : ` (${details.join(", ")})`;
  return `${timeText(time)} ${type} ${action} ${id}${behind}`;
}

/** In the local time zone, with nanoseconds, as docker's. @param micros since 1970 */
function timeText(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const minutes = -new Date(milliseconds).getTimezoneOffset();
  const local = new Date(milliseconds + minutes * 60_000).toISOString().slice(0, 23);
  const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");
  const zone = minutes === 0
    ? "Z"
    : `${minutes < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(minutes) / 60))}:${
      pad(Math.abs(minutes) % 60)
    }`;
  return `${local}${pad(micros % 1000, 3)}000${zone}`;
}

/** What templates see: Go's names of the fields; JSON has those of Docker's API. */
export function eventObject({ time, type, action, id, attributes }: LoggedEvent) {
  const [Time, TimeNano] = [Math.floor(time / 1_000_000), time * 1000];
  const Actor = { ID: id, Attributes: attributes };
  const old = type === "volume" ? {} : {
    status: action,
    id,
    ...(type === "container" && { from: attributes["image"] ?? "" }),
  };
  const message = { Type: type, Action: action, Actor };
  const json = { ...old, ...message, scope: "local", time: Time, timeNano: TimeNano };
  const { status = "", id: ID = "", from = "" } = json as Record<string, unknown>;
  const object = { ...message, Scope: "local", Time, TimeNano, Status: status, ID, From: from };
  return Object.defineProperty(object, "toJSON", { value: () => json });
}
