import {
  annotateManifest,
  createManifestList,
  forgetManifestList,
  inspectListed,
  inspectManifest,
  pushManifestList,
} from "../../engine/manifest_list.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import type { Flag } from "../flags.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { interruptible } from "../interrupt.ts";
import { manifestText } from "../manifest_output.ts";
import { errorText } from "../report.ts";

const INSECURE: Flag = {
  name: "insecure",
  help: "Allow communication with an insecure registry",
};

/** `tsbox manifest create`. */
export const create: Command = {
  grammar: {
    path: "manifest create",
    aliases: ["manifest create"],
    summary: "Create a local manifest list for annotating and pushing to a registry",
    usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
    args: { min: 2 },
    flags: [
      { name: "amend", short: "a", help: "Amend an existing manifest list" },
      INSECURE,
    ],
  },
  run: async ({ args, flags }, io, context) => {
    const [list = "", ...images] = args;
    const [amend, insecure] = [flags.on("amend"), flags.on("insecure")];
    const name = await interruptible((signal) =>
      createManifestList(context, list, images, { amend, insecure, signal })
    );
    io.out(`Created manifest list ${name}\n`);
    return 0;
  },
};

/** `tsbox manifest annotate`. */
export const annotate: Command = {
  grammar: {
    path: "manifest annotate",
    aliases: ["manifest annotate"],
    summary: "Add additional information to a local image manifest",
    usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
    args: { min: 2, max: 2 },
    flags: [
      { name: "arch", value: "string", help: "Set architecture" },
      { name: "os", value: "string", help: "Set operating system" },
      { name: "os-features", value: "strings", help: "Set operating system feature" },
      { name: "os-version", value: "string", help: "Set operating system version" },
      { name: "variant", value: "string", help: "Set architecture variant" },
    ],
  },
  run: ({ args, flags }, _io, context) => {
    const [list = "", image = ""] = args;
    annotateManifest(context, list, image, {
      os: flags.last("os"),
      architecture: flags.last("arch"),
      variant: flags.last("variant"),
      osVersion: flags.last("os-version"),
      osFeatures: flags.all("os-features").flatMap((text) => text.split(",")).filter(Boolean),
    });
    return Promise.resolve(0);
  },
};

/** `tsbox manifest inspect`. */
export const inspect: Command = {
  grammar: {
    path: "manifest inspect",
    aliases: ["manifest inspect"],
    summary: "Display an image manifest, or manifest list",
    usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    args: { min: 1, max: 2 },
    flags: [
      INSECURE,
      {
        name: "verbose",
        short: "v",
        help: "Output additional info including layers and platform",
      },
    ],
  },
  run: async ({ args, flags }, io, context) => {
    const [first = "", second] = args;
    const [whole, insecure] = [flags.on("verbose"), flags.on("insecure")];
    const found = second === undefined
      ? await interruptible((signal) =>
        inspectManifest(context, first, { insecure, signal, whole })
      )
      : inspectListed(context, first, second);
    printFormatted(io, manifestText(found, whole));
    return 0;
  },
};

/** `tsbox manifest push`. */
export const push: Command = {
  grammar: {
    path: "manifest push",
    aliases: ["manifest push"],
    summary: "Push a manifest list to a repository",
    usage: "[OPTIONS] MANIFEST_LIST",
    args: { min: 1, max: 1 },
    flags: [
      INSECURE,
      { name: "purge", short: "p", help: "Remove the local manifest list after push" },
    ],
  },
  run: async ({ args, flags }, io, context) => {
    const [list = ""] = args;
    const [purge, insecure] = [flags.on("purge"), flags.on("insecure")];
    const onImage = (pinned: string, digest: string) =>
      io.out(`Pushed ref ${pinned} with digest: ${digest}\n`);
    const digest = await interruptible((signal) =>
      pushManifestList(context, list, { purge, insecure, signal, onImage })
    );
    io.out(`${digest}\n`);
    return 0;
  },
};

/** `tsbox manifest rm`. */
export const rm: Command = {
  grammar: {
    path: "manifest rm",
    aliases: ["manifest rm"],
    summary: "Delete one or more manifest lists from local storage",
    usage: "MANIFEST_LIST [MANIFEST_LIST...]",
    args: { min: 1 },
    flags: [],
  },
  run: ({ args }, io, context) => {
    let status = 0;
    for (const list of args) {
      try {
        forgetManifestList(context, list);
      } catch (thrown) {
        if (!(thrown instanceof TsboxError)) throw thrown;
        io.err(errorText(thrown));
        status = 1;
      }
    }
    return Promise.resolve(status);
  },
};
