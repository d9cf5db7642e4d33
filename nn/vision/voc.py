"""Folders in the form of Pascal VOC, read and written: JPEGImages, Annotations, ImageSets/Main.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html, section 4. Its boxes count pixels from 1 and
include the last one; here a box goes from edge to edge, (xmin - 1, ymin - 1, xmax, ymax).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from autograd.errors import RangeError
from nn.data.dataset import Dataset
from nn.vision.boxes import plain
from nn.vision.pictures import read_picture, resized, write_picture

_ENDINGS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


class VOCDetection(Dataset):
    """The pictures and boxes of a Pascal VOC folder.

    image_set: the name of a list in ImageSets/Main ("train", "val", ...), or None for all annotations. classes: the names in
    the order of their labels; if None, all names in the folder's annotations, sorted. size: (height, width) that every
    picture is stretched to, so that they make batches; None leaves them as they are.

    A sample is the picture (3, H, W) float32 in [0, 1] and its target: boxes (n, 4) float32 in its pixels, cut at its borders,
    labels (n,) int64, difficult (n,) bool. Boxes without area inside the picture are left out.
    Errors: FileNotFoundError naming what is missing, ValueError naming a damaged file or a name that is not in `classes`.
    """

    def __init__(
        self,
        root: str | Path,
        image_set: str | None = "train",
        classes: Sequence[str] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.root, self.size = Path(root), size
        folder = self.root / "Annotations"
        if not folder.is_dir():
            raise FileNotFoundError(
                f"VOCDetection: {self.root} has no folder Annotations; name the one that has it (such as VOC2007)"
            )
        if image_set is None:
            self.names = sorted(path.stem for path in folder.glob("*.xml"))
        else:
            listed = self.root / "ImageSets" / "Main" / f"{image_set}.txt"
            if not listed.is_file():
                raise FileNotFoundError(f"VOCDetection: there is no {listed}; image_set=None takes all annotations")
            self.names = [line.split()[0] for line in listed.read_text().splitlines() if line.strip()]
        if not self.names:
            raise ValueError(f"VOCDetection: {self.root} names no picture in image_set={image_set!r}")
        self._read: dict[str, tuple[str | None, list[tuple[str, list[float], bool]]]] = {}
        if classes is None:
            every = sorted(path.stem for path in folder.glob("*.xml"))
            classes = sorted({name for stem in every for name, _, _ in self._annotation(stem)[1]})
        self.classes = tuple(classes)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        if not -len(self) <= index < len(self):
            raise RangeError(f"VOCDetection: index {index} is out of range for {len(self)} pictures")
        stem = self.names[index]
        filename, objects = self._annotation(stem)
        pixels = read_picture(self._picture(stem, filename))
        height, width = pixels.shape[:2]
        for name, _, _ in objects:
            if name not in self.classes:
                raise ValueError(
                    f"VOCDetection: {stem}.xml names {name!r}, which is not among the classes {self.classes}"
                )
        boxes = np.array([box for _, box, _ in objects], np.float32).reshape(-1, 4)
        boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
        labels = np.array([self.classes.index(name) for name, _, _ in objects], np.int64)
        difficult = np.array([flag for _, _, flag in objects], bool)
        if self.size is not None:
            pixels = resized(pixels, *self.size)
            scale = self.size[1] / width, self.size[0] / height
            boxes *= np.array(scale * 2, np.float32)
        inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        picture = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(255)
        return picture, {"boxes": boxes[inside], "labels": labels[inside], "difficult": difficult[inside]}

    def _picture(self, stem: str, filename: str | None) -> Path:
        folder = self.root / "JPEGImages"
        names = [filename] if filename else []
        names += [stem + ending for ending in _ENDINGS]
        for name in names:
            if (folder / name).is_file():
                return folder / name
        raise FileNotFoundError(f"VOCDetection: {folder} has none of {', '.join(names)}")

    def _annotation(self, stem: str) -> tuple[str | None, list[tuple[str, list[float], bool]]]:
        """The picture's file name and its objects: (class, box, difficult)."""
        if stem not in self._read:
            path = self.root / "Annotations" / f"{stem}.xml"
            if not path.is_file():
                raise FileNotFoundError(f"VOCDetection: there is no {path}")
            try:
                tree = ElementTree.parse(path).getroot()
                objects = [_object(entry) for entry in tree.iter("object")]
            except (ElementTree.ParseError, ValueError) as error:
                raise ValueError(f"VOCDetection: {path} is damaged ({error})") from error
            filename = (tree.findtext("filename") or "").strip()
            self._read[stem] = Path(filename).name or None, objects
        return self._read[stem]


def _object(entry: ElementTree.Element) -> tuple[str, list[float], bool]:
    name = (entry.findtext("name") or "").strip()
    edges = [entry.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in edges:
        raise ValueError("an object lacks its name or an edge of its bndbox")
    x1, y1, x2, y2 = (float(edge or "") for edge in edges)
    if not np.isfinite([x1, y1, x2, y2]).all():
        raise ValueError(f"the box of {name!r} is not finite")
    return name, [x1 - 1, y1 - 1, x2, y2], (entry.findtext("difficult") or "0").strip() == "1"


def write_voc(root: str | Path, samples: Iterable[tuple[Any, Any]], classes: Sequence[str], image_set: str) -> None:
    """Write pictures (3, H, W) float in [0, 1] and their targets ("boxes", "labels") as a Pascal VOC folder's `image_set`.

    Pictures are PNG, so none of their pixels change; boxes are rounded to whole pixels. An existing list is replaced, other
    files stay, so that several sets make one folder. Errors: ValueError for a label beyond the classes.
    """
    root = Path(root)
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    stems = []
    for number, (picture, target) in enumerate(samples):
        stem = f"{image_set}_{number:06d}"
        pixels = (np.clip(plain(picture), 0, 1).transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
        write_picture(root / "JPEGImages" / f"{stem}.png", pixels)
        tree = ElementTree.Element("annotation")
        _entry(tree, "filename", f"{stem}.png")
        size = _entry(tree, "size")
        for key, value in zip(("height", "width", "depth"), pixels.shape, strict=True):
            _entry(size, key, value)
        for box, label in zip(plain(target["boxes"]), plain(target["labels"]), strict=True):
            if not 0 <= label < len(classes):
                raise RangeError(f"write_voc: label {label} with {len(classes)} classes")
            item = _entry(tree, "object")
            _entry(item, "name", classes[label])
            _entry(item, "difficult", 0)
            frame = _entry(item, "bndbox")
            edges = np.round(box).astype(int) + [1, 1, 0, 0]
            for key, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True):
                _entry(frame, key, edge)
        ElementTree.indent(tree)
        ElementTree.ElementTree(tree).write(root / "Annotations" / f"{stem}.xml", encoding="utf-8")
        stems.append(stem)
    (root / "ImageSets" / "Main" / f"{image_set}.txt").write_text("".join(f"{stem}\n" for stem in stems))


def _entry(parent: ElementTree.Element, name: str, text: Any = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    child.text = None if text is None else str(text)
    return child
