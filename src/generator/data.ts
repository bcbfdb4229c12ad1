import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import type { Custom, Group, Origin } from './groups.js';
import { createSampler, type Sampler } from './sampler.js';

/** Who a given name is for: today's children, their parents' generation, or only as a middle name. */
export type NameUse = 'girl' | 'boy' | 'woman' | 'man' | 'girl-middle' | 'boy-middle';

export interface Town {
  name: string;
  /** Outward codes, as `LS6`. */
  districts: string[];
  authority: string;
  /** Children, in thousands. */
  children: number;
  /** Share of the children (0 to 1) whose families' names are not British or Irish. */
  minority: number;
  /** Groups that have settled here more than elsewhere. */
  settled: string[];
}

export interface Data {
  groups: Group[];
  /** Draws a group as often as families are of it. */
  sampleGroup: Sampler<Group>;
  towns: Town[];
  /** Sampler of given names by group and use, as `polish/girl`. */
  givenNames: Map<string, Sampler<string>>;
  /** Sampler of family names by group. */
  familyNames: Map<string, Sampler<string>>;
}

/** Reads the lists beside this file; NOTICE.md there says where they come from. */
export function readData(): Data {
  const given = readCsv('given-names.csv').map(({ group, use, name, weight }): [string, string, number] => [
    `${group}/${use}`,
    name!,
    Number(weight),
  ]);
  const family = readCsv('family-names.csv').map(({ group, name, weight }): [string, string, number] => [
    group!,
    name!,
    Number(weight),
  ]);
  const groups = readCsv('groups.csv').map(toGroup);
  return {
    groups,
    sampleGroup: createSampler(groups.map((group) => [group, group.share])),
    towns: readCsv('towns.csv').map(toTown),
    givenNames: samplers(given),
    familyNames: samplers(family),
  };
}

function readCsv(name: string): Record<string, string>[] {
  return parse(readFileSync(new URL(`./data/${name}`, import.meta.url)), { columns: true });
}

function toGroup(row: Record<string, string>): Group {
  return {
    name: row.group!,
    origin: row.origin as Origin,
    share: Number(row.share),
    custom: row.custom as Custom,
    englishNames: Number(row.english_names),
    middleNames: { one: Number(row.one_middle_name), two: Number(row.two_middle_names) },
    marriesOut: Number(row.marries_out),
    losesMarks: Number(row.loses_marks),
    children: Number(row.children),
    joinsNames: Number(row.joins_names),
    native: row.native === 'yes',
    twinNames: row.twin_names as Group['twinNames'],
  };
}

function toTown(row: Record<string, string>): Town {
  return {
    name: row.town!,
    districts: row.districts!.split(' ').flatMap(expandDistricts),
    authority: row.authority!,
    children: Number(row.children),
    minority: Number(row.minority_percent) / 100,
    settled: row.settled!.split(' ').filter(Boolean),
  };
}

/** `LS6-8` means LS6, LS7 and LS8. */
function expandDistricts(range: string): string[] {
  const [, area, from, to] = /^([A-Z]+)(\d+)(?:-(\d+))?$/.exec(range)!;
  const first = Number(from);
  const count = Number(to ?? from) - first + 1;
  return Array.from({ length: count }, (_, step) => `${area}${first + step}`);
}

function samplers(rows: [key: string, name: string, weight: number][]): Map<string, Sampler<string>> {
  const byKey = new Map<string, [string, number][]>();
  for (const [key, name, weight] of rows) {
    const list = byKey.get(key) ?? [];
    list.push([name, weight]);
    byKey.set(key, list);
  }
  return new Map([...byKey].map(([key, list]) => [key, createSampler(list)]));
}
