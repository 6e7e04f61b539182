import { tagImage } from "../../engine/tag_image.ts";
import type { Command } from "../command.ts";

/** `tsbox tag`. */
export const command: Command = {
  grammar: {
    path: "tag",
    aliases: ["image tag", "tag"],
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    args: { min: 2, max: 2 },
    flags: [],
  },
  run: ({ args: [source = "", target = ""] }, _io, context) => {
    tagImage(context, source, target);
    return Promise.resolve(0);
  },
};
